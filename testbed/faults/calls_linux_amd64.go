package main

import "golang.org/x/sys/unix"

const architecture = unix.AUDIT_ARCH_X86_64

func init() {
	calls[unix.SYS_OPEN] = call{opOpen, -1, 0, -1}
	calls[unix.SYS_RENAME] = call{opRename, -1, 1, -1}
	calls[unix.SYS_MKDIR] = call{opMkdir, -1, 0, -1}
}
