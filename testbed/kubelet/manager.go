package main

import (
	"context"
	"net/url"
	"path/filepath"
	"sync"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// hostIP is the address of every node and every pod: there is no pod network.
const hostIP = "127.0.0.1"

// toolDir is where containers find the programs of --tool; it is in their
// PATH. A user namespace may add to / but not to folders of other users in it.
const toolDir = "/.testbed/bin"

// manager keeps one worker for each pod of this node.
type manager struct {
	ctx      context.Context
	node     string
	client   kubernetes.Interface
	state    string
	api      [2]string // host and port that pods find in KUBERNETES_SERVICE_*
	launcher launcher
	tools    []mount // programs that every container gets

	mu      sync.Mutex
	pods    map[types.UID]*pod
	workers sync.WaitGroup
}

func newManager(ctx context.Context, s settings, client kubernetes.Interface, state string, api [2]string, l launcher) *manager {
	return &manager{ctx: ctx, node: s.node, client: client, state: state, api: api, launcher: l, tools: s.tools, pods: map[types.UID]*pod{}}
}

func apiAddress(config *rest.Config) [2]string {
	server, err := url.Parse(config.Host)
	if err != nil {
		return [2]string{hostIP, "443"}
	}
	return [2]string{server.Hostname(), server.Port()}
}

// run follows the pods of the node until the context ends, then ends all of
// their processes and returns.
func (m *manager) run() {
	// The selector is not only thrift: the Node authorizer demands it.
	own := fields.OneTermEqualSelector("spec.nodeName", m.node)
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(m.client.CoreV1().RESTClient(), "pods", meta.NamespaceAll, own),
		ObjectType:    &core.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { m.seen(object.(*core.Pod)) },
			UpdateFunc: func(_, object any) { m.seen(object.(*core.Pod)) },
			DeleteFunc: m.vanished,
		},
	})
	controller.RunWithContext(m.ctx)
	m.workers.Wait()
}

func (m *manager) seen(object *core.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pods[object.UID]
	if p == nil {
		over := object.Status.Phase == core.PodSucceeded || object.Status.Phase == core.PodFailed
		if over && object.DeletionTimestamp == nil {
			return // finished under an earlier run of this node
		}
		p = newPod(m, object, filepath.Join(m.state, string(object.UID)))
		m.pods[object.UID] = p
		m.workers.Go(p.live)
	}
	p.update(object)
}

func (m *manager) vanished(object any) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	m.mu.Lock()
	p := m.pods[object.(*core.Pod).UID]
	m.mu.Unlock()
	if p != nil {
		p.vanish()
	}
}

func (m *manager) forget(p *pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pods, p.uid)
}

// find returns the newest live pod of that name, nil if there is none.
func (m *manager) find(namespace, name string, uid types.UID) *pod {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.pods {
		object := p.snapshot()
		if object.Namespace == namespace && object.Name == name && (uid == "" || uid == p.uid) {
			return p
		}
	}
	return nil
}

func (m *manager) byUID(uid types.UID) *pod {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pods[uid]
}
