//go:build !linux

// Command faults needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "faults: needs Linux (seccomp user notification)")
	os.Exit(125)
}
