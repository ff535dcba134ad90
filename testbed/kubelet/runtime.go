package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"

	"github.com/creack/pty"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// endOfTransmission is what a terminal makes of Ctrl-D.
const endOfTransmission = 4

// runtimeStreams is the container runtime's end of exec, attach and port-forward.
type runtimeStreams struct{ pods *manager }

type terminalSizes = <-chan remotecommand.TerminalSize

// Exec runs a further process in a container. The exit code must arrive
// unwrapped as a CodeExitError: the protocol has a place for that type only.
func (r runtimeStreams) Exec(ctx context.Context, id string, argv []string, in io.Reader, out, errs io.WriteCloser, tty bool, sizes terminalSizes) error {
	c := r.pods.byContainerID(id)
	if c == nil {
		return errors.New("container not found")
	}
	first := c.running()
	if first == nil {
		return errors.New("container is not running")
	}
	if len(argv) == 0 {
		return errors.New("no command")
	}
	spec := first.spec
	spec.Argv, spec.TTY = argv, tty
	if tty {
		spec.Env = append(append([]string(nil), spec.Env...), "TERM=xterm")
	}
	command, err := r.pods.launcher.further(first, spec)
	if err != nil {
		return err
	}
	command.WaitDelay = outputDelay
	if tty {
		err = execOnTerminal(first, command, in, out, sizes)
	} else {
		err = execOnPipes(first, command, in, out, errs)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return utilexec.CodeExitError{Err: exit, Code: exitCode(exit)}
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

// execOnPipes copies stdin by hand, because Wait would otherwise wait for the
// client to close it. The nil checks matter: a nil WriteCloser in the field's
// interface type would not be nil.
func execOnPipes(first *process, command *exec.Cmd, in io.Reader, out, errs io.WriteCloser) error {
	if out != nil {
		command.Stdout = out
	}
	if errs != nil {
		command.Stderr = errs
	}
	var stdin io.WriteCloser
	if in != nil {
		var err error
		if stdin, err = command.StdinPipe(); err != nil {
			return err
		}
	}
	if err := command.Start(); err != nil {
		return err
	}
	defer first.follow(command)()
	if stdin != nil {
		go func() {
			_, _ = io.Copy(stdin, in)
			stdin.Close()
		}()
	}
	return command.Wait()
}

func execOnTerminal(first *process, command *exec.Cmd, in io.Reader, out io.WriteCloser, sizes terminalSizes) error {
	terminal, err := startOnTerminal(command)
	if err != nil {
		return err
	}
	defer terminal.Close()
	defer first.follow(command)()
	go resize(terminal, sizes)
	if in != nil {
		go func() {
			_, _ = io.Copy(terminal, in)
			_, _ = terminal.Write([]byte{endOfTransmission})
		}()
	}
	var copying sync.WaitGroup
	copying.Go(func() {
		if out != nil {
			_, _ = io.Copy(out, terminal)
		}
		// A client that went away must not block the process.
		_, _ = io.Copy(io.Discard, terminal)
	})
	err = command.Wait()
	copying.Wait()
	return err
}

func resize(terminal *os.File, sizes terminalSizes) {
	for size := range sizes {
		_ = pty.Setsize(terminal, &pty.Winsize{Rows: size.Height, Cols: size.Width})
	}
}

// follow makes a further process end with the container; the returned function
// undoes that. In a PID namespace the kernel would see to it.
func (p *process) follow(command *exec.Cmd) func() {
	ended := make(chan struct{})
	go func() {
		select {
		case <-p.exited:
			_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		case <-ended:
		}
	}()
	return func() { close(ended) }
}

// Attach connects a client to the container's own process until either ends.
func (r runtimeStreams) Attach(ctx context.Context, id string, in io.Reader, out, errs io.WriteCloser, _ bool, sizes terminalSizes) error {
	c := r.pods.byContainerID(id)
	if c == nil {
		return errors.New("container not found")
	}
	running := c.running()
	if running == nil {
		return errors.New("container is not running")
	}
	// Untyped nils for the same reason as above.
	var stdoutTo, stderrTo io.Writer
	if out != nil {
		stdoutTo = out
	}
	if errs != nil {
		stderrTo = errs
	}
	w := running.output.attach(stdoutTo, stderrTo)
	defer running.output.detach(w)
	if running.terminal != nil {
		go resize(running.terminal, sizes)
	}
	inputEnded := make(chan struct{})
	if in != nil && running.stdin != nil {
		go func() {
			_, _ = io.Copy(running.stdin, in)
			if running.terminal != nil {
				close(inputEnded)
			} else if c.spec.StdinOnce {
				running.stdin.Close()
			}
		}()
	}
	select {
	case <-running.exited:
	case <-w.left:
	case <-inputEnded:
	case <-ctx.Done():
	}
	return nil
}

// PortForward connects to a port of this machine, which all pods share.
func (r runtimeStreams) PortForward(_ context.Context, id string, port int32, stream io.ReadWriteCloser) error {
	if r.pods.byUID(types.UID(id)) == nil {
		return errors.New("pod not found")
	}
	connection, err := net.Dial("tcp", net.JoinHostPort(hostIP, strconv.Itoa(int(port))))
	if err != nil {
		return fmt.Errorf("failed to connect to localhost:%d inside the pod: %w", port, err)
	}
	defer connection.Close()
	go func() {
		_, _ = io.Copy(connection, stream)
		_ = connection.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(stream, connection)
	return err
}
