package api

import "ulvs/sysctl"

// Setting is one of ip_vs's sysctls.
type Setting struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Range   string `json:"range"` // what is accepted, for people
	Meaning string `json:"meaning"`
	// Refusal says why it cannot be changed; "" if it can.
	Refusal string `json:"refusal,omitempty"`
}

// Settings are all settings, by name.
type Settings []Setting

// SettingsOf describes the settings s.
func SettingsOf(s sysctl.Settings) (all Settings) {
	for _, i := range sysctl.List() {
		value, _ := s.Get(i.Name) // a name of List
		all = append(all, Setting{i.Name, value, i.Default, i.Range, i.Meaning, i.Refusal})
	}
	return all
}

// SettingsRequest changes settings, all or none.
type SettingsRequest struct {
	Set []sysctl.Assignment `json:"set"`
}
