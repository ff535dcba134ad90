//go:build !linux

package main

import (
	"errors"
	"syscall"
)

func newNamespaces(string) (launcher, error) {
	return nil, errors.New("namespaces need Linux")
}

func containerInit(string) { panic("namespaces need Linux") }

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
