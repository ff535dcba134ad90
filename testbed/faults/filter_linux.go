package main

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data.
const (
	offsetNumber       = 0
	offsetArchitecture = 4
)

// installFilter puts the calling thread, and all that it will execute, under the filter; returns the listener.
func installFilter() (int, error) {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	answer := func(value uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: value}
	}
	// Skips the next instruction unless the accumulator has this value.
	unless := func(value uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: 1}
	}
	filter := []unix.SockFilter{
		load(offsetArchitecture),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: architecture, Jt: 1},
		answer(unix.SECCOMP_RET_ALLOW),
		load(offsetNumber),
		// What goes through a ring would pass unseen.
		unless(unix.SYS_IO_URING_SETUP),
		answer(unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)),
	}
	for number := range calls {
		filter = append(filter, unless(number), answer(unix.SECCOMP_RET_USER_NOTIF))
	}
	filter = append(filter, answer(unix.SECCOMP_RET_ALLOW))
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	// Without the second flag (Linux 5.19) a signal can break off a call that waits; it is then made again.
	for _, flags := range []uintptr{
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER,
	} {
		descriptor, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
		if errno == 0 {
			return int(descriptor), nil
		}
		if errno != unix.EINVAL {
			return 0, errno
		}
	}
	return 0, unix.EINVAL
}

// notification is struct seccomp_notif, response struct seccomp_notif_resp.
type notification struct {
	id           uint64
	pid          uint32
	flags        uint32
	number       int32
	architecture uint32
	instruction  uint64
	arguments    [6]uint64
}

type response struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

func serveNotifications(listener int, plan *plan) {
	respond := func(id uint64, errno unix.Errno) {
		answer := response{id: id, errno: -int32(errno)}
		if errno == 0 {
			answer.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
		}
		// An error means that the caller is gone.
		unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&answer)))
	}
	for {
		var n notification
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n)))
		if errno == unix.EINTR || errno == unix.ENOENT {
			continue
		}
		if errno != 0 {
			return
		}
		call := calls[uint32(n.number)]
		path := pathOf(&n, call)
		if !strings.HasPrefix(path, "/") {
			respond(n.id, 0) // a socket, a pipe, an event descriptor
			continue
		}
		descriptor := -1
		if call.descriptor >= 0 {
			descriptor = int(int32(n.arguments[call.descriptor]))
		}
		id := n.id
		plan.decide(call.op, path, descriptor, func(errno unix.Errno) { respond(id, errno) })
	}
}

// pathOf is the absolute path that a call works on, or something else where there is none.
func pathOf(n *notification, call call) string {
	if call.descriptor >= 0 {
		return link(n.pid, fmt.Sprintf("fd/%d", int32(n.arguments[call.descriptor])))
	}
	path := readString(n.pid, n.arguments[call.path])
	if path == "" || strings.HasPrefix(path, "/") {
		return path
	}
	if call.directory >= 0 && int32(n.arguments[call.directory]) != unix.AT_FDCWD {
		return link(n.pid, fmt.Sprintf("fd/%d", int32(n.arguments[call.directory]))) + "/" + path
	}
	return link(n.pid, "cwd") + "/" + path
}

func link(pid uint32, name string) string {
	target, _ := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, name))
	return target
}

func readString(pid uint32, address uint64) string {
	var text []byte
	for len(text) < unix.PathMax {
		// To the end of the page and not beyond it: the next one may not be there.
		chunk := make([]byte, 4096-(address+uint64(len(text)))%4096)
		local := []unix.Iovec{{Base: &chunk[0]}}
		local[0].SetLen(len(chunk))
		remote := []unix.RemoteIovec{{Base: uintptr(address) + uintptr(len(text)), Len: len(chunk)}}
		count, err := unix.ProcessVMReadv(int(pid), local, remote, 0)
		if err != nil || count <= 0 {
			return ""
		}
		if end := strings.IndexByte(string(chunk[:count]), 0); end >= 0 {
			return string(append(text, chunk[:end]...))
		}
		text = append(text, chunk[:count]...)
	}
	return ""
}
