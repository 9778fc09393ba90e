// Package top shows what a director does as it does it: services and real
// servers with rates, connections, weights and shares, and what became of
// packets. It owns the arithmetic between two looks (model, share, reasons), how
// the result is laid out for a size of terminal (columns, view), what keys do
// (update), and the same as plain text (plain). It knows the daemon only as a
// Source; everything between two Looks and a text is pure.
package top
