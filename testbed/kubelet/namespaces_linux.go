package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// namespaces runs each container in its own mount, PID, UTS and IPC namespace,
// with a writable overlay of this machine's file system as its root. Root
// needs CAP_SYS_ADMIN for it; other users get a user namespace on top, in which
// they are root. Both need nsenter of util-linux.
type namespaces struct {
	self    string
	nsenter string
	user    bool // inside of a user namespace
}

const launchFile = "launch.json"

// newNamespaces tries one container, because containers, seccomp and old
// kernels refuse in many ways.
func newNamespaces(self string) (launcher, error) {
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return nil, err
	}
	l := namespaces{self, nsenter, os.Geteuid() != 0}
	dir, err := os.MkdirTemp("", "testbed-probe-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	probe, err := l.first(launchSpec{Argv: []string{"/bin/sh", "-c", "exit 0"}, Root: dir, Hostname: "probe"})
	if err != nil {
		return nil, err
	}
	if output, err := probe.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("no namespaces: %w %s", err, strings.TrimSpace(string(output)))
	}
	return l, nil
}

func (l namespaces) name() string {
	if l.user {
		return "user-namespaces"
	}
	return "namespaces"
}

func (l namespaces) first(spec launchSpec) (*exec.Cmd, error) {
	if err := os.MkdirAll(spec.Root, 0o755); err != nil {
		return nil, err
	}
	spec.Patchwork = l.user
	data, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(spec.Root, launchFile)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, err
	}
	command := exec.Command(l.self, "container-init", file)
	command.Env = spec.Env
	command.SysProcAttr = ownGroup()
	command.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
	if l.user {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return command, nil
}

func (l namespaces) further(first *process, spec launchSpec) (*exec.Cmd, error) {
	into := []string{"--target", strconv.Itoa(first.pid()), "--mount", "--pid", "--uts", "--ipc", "--root", "--wd"}
	if l.user {
		into = append(into, "--user", "--preserve-credentials")
	}
	command := exec.Command(l.nsenter, append(append(into, "--"), spec.Argv...)...)
	command.Env = spec.Env
	command.SysProcAttr = ownGroup()
	return command, nil
}

func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
