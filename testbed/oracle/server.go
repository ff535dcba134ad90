package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// memoryServer runs Go's own HTTP/1 server over connections that live in memory, so that everything it refuses
// before a handler runs (request line, header syntax, Host, Expect, Transfer-Encoding) is refused here too.
type memoryServer struct {
	connections chan net.Conn
}

func newServer(handler http.Handler) *memoryServer {
	s := &memoryServer{connections: make(chan net.Conn)}
	server := &http.Server{
		Handler:  handler,
		ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connectionKey{}, c)
		},
	}
	go func() { _ = server.Serve(s) }()
	return s
}

// serve gives one request to the server and waits until the server has closed the connection.
func (s *memoryServer) serve(raw []byte) any {
	c := &memoryConnection{in: bytes.NewReader(raw), closed: make(chan struct{})}
	s.connections <- c
	<-c.closed
	if c.answer != nil {
		return c.answer
	}
	status, _, _ := bytes.Cut(c.out.Bytes(), []byte("\r\n"))
	if len(status) == 0 {
		return refusal{"connection closed"}
	}
	return refusal{string(status)}
}

func (s *memoryServer) Accept() (net.Conn, error) {
	c, ok := <-s.connections
	if !ok {
		return nil, errors.New("closed")
	}
	return c, nil
}
func (s *memoryServer) Close() error   { return nil }
func (s *memoryServer) Addr() net.Addr { return memoryAddress{} }

type connectionKey struct{}

// memoryConnection reads one request and then the end of the stream. answer is set by the handler on the first
// request only: bytes behind it (a body, a pipelined request) are not what is being judged.
type memoryConnection struct {
	in     *bytes.Reader
	out    bytes.Buffer
	answer any
	once   sync.Once
	closed chan struct{}
}

func (c *memoryConnection) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c *memoryConnection) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *memoryConnection) Close() error                     { c.once.Do(func() { close(c.closed) }); return nil }
func (c *memoryConnection) LocalAddr() net.Addr              { return memoryAddress{} }
func (c *memoryConnection) RemoteAddr() net.Addr             { return memoryAddress{} }
func (c *memoryConnection) SetDeadline(time.Time) error      { return nil }
func (c *memoryConnection) SetReadDeadline(time.Time) error  { return nil }
func (c *memoryConnection) SetWriteDeadline(time.Time) error { return nil }

type memoryAddress struct{}

func (memoryAddress) Network() string { return "memory" }
func (memoryAddress) String() string  { return "memory" }
