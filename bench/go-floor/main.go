// What every Go peer stands on: the standard library's reverse proxy with a well-set pool, nothing in between.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	// chain, key, upstream URL, upstream authority, client certificate, client key
	args := os.Args[1:]
	upstream, err := url.Parse(args[2])
	check(err)
	authority, err := os.ReadFile(args[3])
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client, err := tls.LoadX509KeyPair(args[4], args[5])
	check(err)
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{client}},
		MaxIdleConnsPerHost: 256,
		DisableCompression:  true,
		ForceAttemptHTTP2:   false,
	}
	proxy := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(upstream); r.Out.Header.Del("Authorization") },
	}
	server, err := tls.LoadX509KeyPair(args[0], args[1])
	check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	config := &tls.Config{Certificates: []tls.Certificate{server}, NextProtos: []string{"http/1.1"}}
	log.Fatal((&http.Server{Handler: proxy, TLSConfig: config}).ServeTLS(listener, "", ""))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
