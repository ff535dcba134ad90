// Command kubelet is the node of the testbed: a small kubelet that registers a
// Node, takes unassigned pods, runs each container as a process of this
// machine with real volumes, real bound service-account tokens and real logs,
// and serves exec, attach and port-forward through the same upstream code as
// the real one. It has no images, no cgroups and no pod network.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"sallyport.dev/testbed/internal/parent"
)

type settings struct {
	node                string
	state               string
	kubeconfig          string
	schedulerKubeconfig string
	tlsCert, tlsKey     string
	clientCA            string
	isolation           string
	websockets          bool
	tools               []mount
}

func main() {
	if runBuiltin(os.Args) {
		return
	}
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	if err := run(parseFlags()); err != nil {
		log.Fatal(err)
	}
}

func parseFlags() settings {
	var s settings
	flag.StringVar(&s.node, "node", "node-a", "name of the Node")
	flag.StringVar(&s.state, "state", "", "folder for the files of pods")
	flag.StringVar(&s.kubeconfig, "kubeconfig", "", "credential of the node")
	flag.StringVar(&s.schedulerKubeconfig, "scheduler-kubeconfig", "", "credential to bind unassigned pods to this node with; empty: do not")
	flag.StringVar(&s.tlsCert, "tls-cert", "", "serving certificate")
	flag.StringVar(&s.tlsKey, "tls-key", "", "key of the serving certificate")
	flag.StringVar(&s.clientCA, "client-ca", "", "authority of the API server's client certificate")
	flag.StringVar(&s.isolation, "isolation", "auto", "namespaces, none, or auto (namespaces where they work)")
	flag.BoolVar(&s.websockets, "websockets", true, "declare ExtendWebSocketsToKubelet on the Node")
	flag.Func("tool", "NAME=PATH of a program that every container finds in its PATH (repeatable)", func(text string) error {
		name, path, ok := strings.Cut(text, "=")
		if !ok || strings.Contains(name, "/") {
			return errors.New("want NAME=PATH")
		}
		s.tools = append(s.tools, mount{Source: path, Target: toolDir + "/" + name, ReadOnly: true})
		return nil
	})
	flag.Parse()
	return s
}

func run(s settings) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	parent.ExitWithIt(cancel)

	client, config, err := connect(s.kubeconfig)
	if err != nil {
		return err
	}
	state, err := filepath.Abs(s.state)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(state, 0o755); err != nil {
		return err
	}
	launcher, err := chooseLauncher(s.isolation)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	node := newNode(s.node, client, listener.Addr().(*net.TCPAddr).Port, s.websockets, launcher)
	pods := newManager(ctx, s, client, state, apiAddress(config), launcher)
	if err := serve(listener, s, pods); err != nil {
		return err
	}
	if err := node.register(ctx); err != nil {
		return err
	}
	go node.renewLease(ctx)
	if s.schedulerKubeconfig != "" {
		scheduler, _, err := connect(s.schedulerKubeconfig)
		if err != nil {
			return err
		}
		go bindUnassigned(ctx, scheduler, s.node)
	}
	log.Printf("node %s serves on %s, containers: %s", s.node, listener.Addr(), launcher.name())
	pods.run()
	return nil
}

func connect(kubeconfig string) (kubernetes.Interface, *rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	config.QPS, config.Burst = 300, 600
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", kubeconfig, err)
	}
	return client, config, nil
}
