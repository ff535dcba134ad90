package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cri-streaming/pkg/streaming"
)

// apiServerName is the only client that the kubelet API answers.
const apiServerName = "kube-apiserver-kubelet-client"

// server is the kubelet API, as far as the API server uses it.
type server struct {
	pods    *manager
	streams streaming.Server
}

// serve starts the kubelet API on the listener; it returns at once.
func serve(listener net.Listener, s settings, pods *manager) error {
	streams, err := newStreamServer(pods)
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(s.clientCA)
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(authority) {
		return fmt.Errorf("%s: no certificate", s.clientCA)
	}
	api := &server{pods, streams}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("GET /pods", api.servePods)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", api.serveLogs)
	// Any method: WebSocket upgrades are GET, SPDY ones POST.
	for _, uid := range []string{"", "/{uid}"} {
		mux.HandleFunc("/exec/{namespace}/{pod}"+uid+"/{container}", api.serveExec)
		mux.HandleFunc("/attach/{namespace}/{pod}"+uid+"/{container}", api.serveAttach)
		mux.HandleFunc("/portForward/{namespace}/{pod}"+uid, api.servePortForward)
	}
	web := &http.Server{
		Handler: onlyAPIServer(mux),
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			ClientAuth: tls.RequireAndVerifyClientCert,
			ClientCAs:  clients,
			// Upgrades do not exist in HTTP/2.
			NextProtos: []string{"http/1.1"},
		},
	}
	go func() {
		if err := web.ServeTLS(listener, s.tlsCert, s.tlsKey); !errors.Is(err, http.ErrServerClosed) {
			log.Fatalf("kubelet API: %v", err)
		}
	}()
	return nil
}

func onlyAPIServer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := r.TLS.PeerCertificates[0].Subject.CommonName; name != apiServerName {
			http.Error(w, fmt.Sprintf("%q may not use the kubelet API", name), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) servePods(w http.ResponseWriter, _ *http.Request) {
	list := core.PodList{}
	list.Kind, list.APIVersion = "PodList", "v1"
	s.pods.mu.Lock()
	for _, p := range s.pods.pods {
		list.Items = append(list.Items, *p.snapshot())
	}
	s.pods.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}

// targetPod finds the pod of the path, or answers 404.
func (s *server) targetPod(w http.ResponseWriter, r *http.Request) *pod {
	p := s.pods.find(r.PathValue("namespace"), r.PathValue("pod"), types.UID(r.PathValue("uid")))
	if p == nil {
		http.Error(w, "pod does not exist", http.StatusNotFound)
	}
	return p
}

func (s *server) target(w http.ResponseWriter, r *http.Request) *container {
	p := s.targetPod(w, r)
	if p == nil {
		return nil
	}
	c := p.container(r.PathValue("container"))
	if c == nil {
		http.Error(w, fmt.Sprintf("container %q in pod %q is not available", r.PathValue("container"), r.PathValue("pod")), http.StatusBadRequest)
	}
	return c
}
