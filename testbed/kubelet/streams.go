package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/httpstream/wsstream"
	"k8s.io/apimachinery/pkg/util/proxy"
	translator "k8s.io/apiserver/pkg/util/proxy"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// newStreamServer starts the streaming server of the container runtime, which
// on a real node is another process: the kubelet API proxies upgrades to it.
func newStreamServer(pods *manager) (streaming.Server, error) {
	listener, err := net.Listen("tcp", hostIP+":0")
	if err != nil {
		return nil, err
	}
	config := streaming.DefaultConfig
	config.Addr = listener.Addr().String()
	streams, err := streaming.NewServer(config, runtimeStreams{pods})
	if err != nil {
		return nil, err
	}
	go func() { _ = http.Serve(listener, streams) }()
	return streams, nil
}

// containerID is how the kubelet API names a container to the runtime side.
func (c *container) containerID() string { return string(c.pod.uid) + "/" + c.spec.Name }

func (m *manager) byContainerID(id string) *container {
	uid, name, _ := strings.Cut(id, "/")
	if p := m.byUID(types.UID(uid)); p != nil {
		return p.container(name)
	}
	return nil
}

func (s *server) serveExec(w http.ResponseWriter, r *http.Request) {
	c, options := s.streamTarget(w, r)
	if c == nil {
		return
	}
	answer, err := s.streams.GetExec(&cri.ExecRequest{
		ContainerId: c.containerID(), Cmd: r.URL.Query()["command"],
		Stdin: options.Stdin, Stdout: options.Stdout, Stderr: options.Stderr, Tty: options.TTY,
	})
	s.relayCommand(w, r, options, answer.GetUrl(), err)
}

func (s *server) serveAttach(w http.ResponseWriter, r *http.Request) {
	c, options := s.streamTarget(w, r)
	if c == nil {
		return
	}
	answer, err := s.streams.GetAttach(&cri.AttachRequest{
		ContainerId: c.containerID(),
		Stdin:       options.Stdin, Stdout: options.Stdout, Stderr: options.Stderr, Tty: options.TTY,
	})
	s.relayCommand(w, r, options, answer.GetUrl(), err)
}

func (s *server) streamTarget(w http.ResponseWriter, r *http.Request) (*container, *remotecommand.Options) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil, nil
	}
	c := s.target(w, r)
	if c == nil {
		return nil, nil
	}
	if c.running() == nil {
		http.Error(w, fmt.Sprintf("container %q is not running", c.spec.Name), http.StatusNotFound)
		return nil, nil
	}
	return c, options
}

// relayCommand passes an exec or attach on. A version 5 WebSocket is
// translated to SPDY; everything else goes through as it is.
func (s *server) relayCommand(w http.ResponseWriter, r *http.Request, options *remotecommand.Options, location string, err error) {
	target := streamURL(w, location, err)
	if target == nil {
		return
	}
	var handler http.Handler = upgradeProxy(target)
	if wsstream.IsWebSocketRequestWithStreamCloseProtocol(r) {
		handler = translator.NewStreamTranslatorHandler(target, nil, 0, translator.Options{
			Stdin: options.Stdin, Stdout: options.Stdout, Stderr: options.Stderr, Tty: options.TTY,
		})
	}
	handler.ServeHTTP(w, r)
}

// servePortForward passes on all three dialects: SPDY, SPDY tunnelled in a
// WebSocket, and the old WebSocket channels, which name their ports up front.
func (s *server) servePortForward(w http.ResponseWriter, r *http.Request) {
	tunnelled := wsstream.IsWebSocketRequestWithTunnelingProtocol(r)
	options := &portforward.V4Options{}
	if !tunnelled {
		var err error
		if options, err = portforward.NewV4Options(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	p := s.targetPod(w, r)
	if p == nil {
		return
	}
	answer, err := s.streams.GetPortForward(&cri.PortForwardRequest{PodSandboxId: string(p.uid), Port: options.Ports})
	target := streamURL(w, answer.GetUrl(), err)
	if target == nil {
		return
	}
	var handler http.Handler = upgradeProxy(target)
	if tunnelled {
		handler = translator.NewTunnelingHandler(handler)
	}
	handler.ServeHTTP(w, r)
}

func streamURL(w http.ResponseWriter, location string, err error) *url.URL {
	if err == nil {
		var target *url.URL
		if target, err = url.Parse(location); err == nil {
			return target
		}
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
	return nil
}

func upgradeProxy(target *url.URL) *proxy.UpgradeAwareHandler {
	return proxy.NewUpgradeAwareHandler(target, nil, false, true, proxyErrors{})
}

type proxyErrors struct{}

func (proxyErrors) Error(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}
