package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// chooseLauncher picks how containers run.
func chooseLauncher(isolation string) (launcher, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return nil, err
	}
	switch isolation {
	case "none":
		return plain{self}, nil
	case "auto", "namespaces":
		isolated, err := newNamespaces(self)
		if err == nil {
			return isolated, nil
		}
		if isolation == "namespaces" {
			return nil, err
		}
		log.Printf("containers run as plain processes: %v", err)
		return plain{self}, nil
	}
	return nil, fmt.Errorf("isolation %q: want auto, namespaces or none", isolation)
}

// plain runs containers as ordinary processes that see this machine as it is.
// A volume appears below the container's own folder, which is the working
// folder and in CONTAINER_ROOT: /data becomes $CONTAINER_ROOT/data. Clients
// that look for their token at the fixed path do not find it.
type plain struct{ self string }

func (plain) name() string { return "plain" }

func (l plain) first(spec launchSpec) (*exec.Cmd, error) {
	for _, m := range spec.Mounts {
		link := filepath.Join(spec.Root, filepath.Clean("/"+m.Target))
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return nil, err
		}
		if err := os.RemoveAll(link); err != nil {
			return nil, err
		}
		if err := os.Symlink(m.Source, link); err != nil {
			return nil, err
		}
	}
	return l.command(spec)
}

func (l plain) further(_ *process, spec launchSpec) (*exec.Cmd, error) { return l.command(spec) }

func (l plain) command(spec launchSpec) (*exec.Cmd, error) {
	dir := filepath.Join(spec.Root, filepath.Clean("/"+spec.Dir))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	program := spec.Argv[0]
	if program == selfPath {
		program = l.self
	}
	env := append([]string{"CONTAINER_ROOT=" + spec.Root}, spec.Env...)
	for i, entry := range env {
		if list, isPath := strings.CutPrefix(entry, "PATH="); isPath {
			env[i] = "PATH=" + filepath.Join(spec.Root, toolDir) + ":" + list
		}
	}
	// Looked up in the container's PATH, not in this process's.
	path, err := lookPath(program, env)
	if err != nil {
		return nil, err
	}
	command := exec.Command(path)
	command.Args = spec.Argv
	command.Dir = dir
	command.Env = env
	command.SysProcAttr = ownGroup()
	return command, nil
}

func lookPath(program string, env []string) (string, error) {
	if strings.Contains(program, "/") {
		return program, nil
	}
	for _, entry := range env {
		list, isPath := strings.CutPrefix(entry, "PATH=")
		if !isPath {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			candidate := filepath.Join(dir, program)
			if info, err := os.Stat(candidate); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
				return candidate, nil
			}
		}
	}
	return "", fmt.Errorf("exec: %q: executable file not found in $PATH", program)
}
