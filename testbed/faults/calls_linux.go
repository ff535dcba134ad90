package main

import "golang.org/x/sys/unix"

// operation is what a rule speaks of; several system calls can be one.
type operation string

const (
	opWrite    operation = "write"
	opSync     operation = "sync"
	opOpen     operation = "open"
	opRename   operation = "rename"
	opTruncate operation = "truncate"
	opMkdir    operation = "mkdir"
)

// call says where a system call keeps what it works on: a descriptor, or a path relative to a directory descriptor.
type call struct {
	op operation
	// Index of the argument with the descriptor, -1 for none.
	descriptor int
	// Index of the argument with the path, -1 for none.
	path int
	// Index of the argument with the directory that the path starts from, -1 for the working directory.
	directory int
}

// calls common to all architectures; those of amd64 are added in calls_linux_amd64.go. What libuv and SQLite use.
var calls = map[uint32]call{
	unix.SYS_WRITE:     {opWrite, 0, -1, -1},
	unix.SYS_PWRITE64:  {opWrite, 0, -1, -1},
	unix.SYS_WRITEV:    {opWrite, 0, -1, -1},
	unix.SYS_PWRITEV:   {opWrite, 0, -1, -1},
	unix.SYS_PWRITEV2:  {opWrite, 0, -1, -1},
	unix.SYS_FSYNC:     {opSync, 0, -1, -1},
	unix.SYS_FDATASYNC: {opSync, 0, -1, -1},
	unix.SYS_FTRUNCATE: {opTruncate, 0, -1, -1},
	unix.SYS_FALLOCATE: {opTruncate, 0, -1, -1},
	unix.SYS_OPENAT:    {opOpen, -1, 1, 0},
	unix.SYS_RENAMEAT:  {opRename, -1, 3, 2},
	unix.SYS_RENAMEAT2: {opRename, -1, 3, 2},
	unix.SYS_MKDIRAT:   {opMkdir, -1, 1, 0},
}
