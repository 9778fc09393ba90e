// Package pcapng writes captures of Ethernet frames with a comment on each, as
// Wireshark and tshark show them: the format of draft-ietf-opsawg-pcapng, whose
// block and option numbers the constants are. A Writer writes one section to a
// stream; Files spreads a capture over files by size and time. Neither is safe
// for concurrent use, and neither reads a clock.
//
// The pinned gopacket writes no comments, identifiers or directions of packets;
// its continuation does, but would be linked beside it a second time.
package pcapng
