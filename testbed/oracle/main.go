// oracle answers, for raw HTTP/1.1 requests, what a kube-apiserver makes of them. It is the referee of the
// gateway's request parser: whatever the gateway would forward must be classified here in the same way.
//
// stdin: one base64 request (head, and body if any) per line. stdout: one JSON object per line, in order:
// {"refused":"why"} when Go's HTTP server or RequestInfo refuses the bytes, else the answer type below.
//
// Real parts: net/http's server, RequestInfoFactory, the go-restful container with CurlyRouter, the director
// and the path-recording mux of k8s.io/apiserver, BasicLongRunningRequestCheck and the upgrade tests of
// apimachinery, all from the module versions of ../go.mod. Ours: the route table (routes.go), which is shaped
// as apiserver's APIInstaller shapes the routes of a representative part of the built-in API.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"

	"k8s.io/klog/v2"
)

func main() {
	// RequestInfo logs list options that it cannot read; stderr is for real trouble only.
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	server := newServer(newHandler())
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
			line = line[:len(line)-1]
		}
		if err == nil || len(line) > 0 {
			if err := encoder.Encode(judge(server, line)); err != nil {
				fmt.Fprintln(os.Stderr, "oracle:", err)
				os.Exit(1)
			}
		}
		// Answer at once when the other side waits for it.
		if in.Buffered() == 0 {
			_ = out.Flush()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "oracle:", err)
			os.Exit(1)
		}
	}
	_ = out.Flush()
}

func judge(server *memoryServer, line []byte) any {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(line)))
	n, err := base64.StdEncoding.Decode(raw, line)
	if err != nil {
		return refusal{"not base64"}
	}
	return server.serve(raw[:n])
}
