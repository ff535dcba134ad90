package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	core "k8s.io/api/core/v1"
)

// selfPath is where a container finds this program; a plain one has no root of
// its own and gets the real path instead.
const selfPath = "/.testbed/kubelet"

// builtinFor gives the program of images that a test would use for their
// behaviour: "pause" waits for SIGTERM, "httpd" and "nginx" serve HTTP.
func builtinFor(spec core.Container) []string {
	switch {
	case strings.Contains(spec.Image, "pause"):
		return []string{selfPath, "pause"}
	case strings.Contains(spec.Image, "httpd"), strings.Contains(spec.Image, "nginx"):
		port := int32(80)
		if len(spec.Ports) > 0 {
			port = spec.Ports[0].ContainerPort
		}
		return []string{selfPath, "httpd", strconv.Itoa(int(port))}
	}
	return nil
}

// runBuiltin runs a part of this program that was started inside a container.
func runBuiltin(args []string) bool {
	if len(args) < 2 {
		return false
	}
	switch args[1] {
	case "container-init":
		containerInit(args[2])
	case "pause":
		waitForTermination()
	case "httpd":
		go serveHTTP(args[2])
		waitForTermination()
	default:
		return false
	}
	return true
}

// waitForTermination matters because the kernel ignores SIGTERM for a first
// process without a handler: a plain sleep would use up the whole grace period.
func waitForTermination() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	<-signals
}

// serveHTTP is a web server on loopback: GET / greets, GET /bytes?n=N sends N
// bytes, POST /echo returns the body, GET /headers shows the request's headers.
func serveHTTP(port string) {
	host, _ := os.Hostname()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("%s %s\n", r.Method, r.URL)
		fmt.Fprintf(w, "%s answers %s %s\n", host, r.Method, r.URL)
	})
	mux.HandleFunc("GET /bytes", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		_, _ = io.CopyN(w, alphabet{}, n)
	})
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	mux.HandleFunc("GET /headers", func(w http.ResponseWriter, r *http.Request) { _ = r.Header.Write(w) })
	fmt.Printf("listening on port %s\n", port)
	log.Fatal(http.ListenAndServe(hostIP+":"+port, mux))
}

// alphabet is an endless text.
type alphabet struct{}

func (alphabet) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = 'a' + byte(i%26)
	}
	return len(into), nil
}
