// Command faults runs a program and makes chosen file operations of it fail, on command: with an error number, or by
// not returning. It needs no privileges: the program runs under a seccomp filter that hands the operations over to
// this process (seccomp user notification, Linux 5.5 and later).
//
//	faults SOCKET PROGRAM [ARGUMENT...]
//
// Commands and answers are lines of JSON on the unix socket; see control.go.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const usage = "usage: faults SOCKET PROGRAM [ARGUMENT...]"

// The variable that tells the second stage which descriptor leads to the first.
const stageVariable = "SALLYPORT_FAULTS_STAGE"

func main() {
	// The filter, the parent-death signal and exec all belong to one thread.
	runtime.LockOSThread()
	var err error
	if os.Getenv(stageVariable) != "" {
		err = becomeProgram(os.Args[1:])
	} else if len(os.Args) < 3 {
		err = errors.New(usage)
	} else {
		err = supervise(os.Args[1], os.Args[2:])
	}
	fmt.Fprintln(os.Stderr, "faults:", err)
	os.Exit(125)
}

// supervise starts the second stage, gets the listener from it and serves until the program has ended.
func supervise(socket string, command []string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	defer os.Remove(socket)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	child := exec.Command("/proc/self/exe", command...)
	child.Env = append(os.Environ(), stageVariable+"=3")
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.ExtraFiles = []*os.File{os.NewFile(uintptr(pair[1]), "stage")}
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if err := child.Start(); err != nil {
		return err
	}
	unix.Close(pair[1])
	go func() {
		for s := range signals {
			child.Process.Signal(s)
		}
	}()
	notifications, err := receiveDescriptor(pair[0])
	if err != nil {
		child.Process.Kill()
		return fmt.Errorf("no listener from the program: %w", err)
	}
	plan := newPlan()
	go serveControl(listener, plan)
	go serveNotifications(notifications, plan)
	child.Wait()
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		os.Remove(socket)
		signal.Reset()
		syscall.Kill(os.Getpid(), status.Signal())
	}
	os.Remove(socket)
	os.Exit(child.ProcessState.ExitCode())
	return nil
}

// becomeProgram puts this thread under the filter, hands the listener over, and executes the program.
func becomeProgram(command []string) error {
	os.Unsetenv(stageVariable)
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	descriptor, err := installFilter()
	if err != nil {
		return fmt.Errorf("seccomp user notification: %w", err)
	}
	if err := unix.Sendmsg(3, []byte{1}, unix.UnixRights(descriptor), nil, 0); err != nil {
		return err
	}
	unix.Close(descriptor)
	unix.CloseOnExec(3)
	return syscall.Exec(path, command, os.Environ())
}

func receiveDescriptor(from int) (int, error) {
	var data [1]byte
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(from, data[:], control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return 0, errors.New("it ended before it began")
	}
	rights, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	return rights[0], nil
}
