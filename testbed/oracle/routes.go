package main

import (
	"net/http"
	"strings"

	restful "github.com/emicklei/go-restful/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

// kube-apiserver is three servers in a row, each with its own director: the aggregator, the server of the
// built-in API, and the one of custom resources. A path that one does not know goes to the next.
func newRouter() http.Handler {
	custom := apiserverHandler("custom-resources", http.NotFoundHandler())
	custom.NonGoRestfulMux.Handle("/apis", http.HandlerFunc(customResources))
	custom.NonGoRestfulMux.HandlePrefix("/apis/", http.HandlerFunc(customResources))

	builtin := apiserverHandler("built-in", custom)
	installBuiltin(builtin)

	aggregator := apiserverHandler("aggregator", builtin)
	mux := aggregator.NonGoRestfulMux
	// The aggregator answers group discovery itself, to any method (seen on a running 1.36.3).
	mux.Handle("/apis", found)
	mux.UnlistedHandle("/apis/", found)
	for _, group := range []string{"apps", "batch", "rbac.authorization.k8s.io", "example.dev", "authorization.k8s.io"} {
		mux.Handle("/apis/"+group, found)
		mux.UnlistedHandle("/apis/"+group+"/", found)
	}
	// An APIService that points at a service: everything below its prefix goes there, whatever it looks like.
	mux.Handle("/apis/metrics.k8s.io/v1beta1", found)
	mux.UnlistedHandlePrefix("/apis/metrics.k8s.io/v1beta1/", found)
	mux.Handle("/openapi/v2", found)
	mux.Handle("/openapi/v3", found)
	mux.HandlePrefix("/openapi/v3/", found)
	return aggregator.Director
}

func apiserverHandler(name string, next http.Handler) *genericapiserver.APIServerHandler {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	scheme.AddUnversionedTypes(schema.GroupVersion{Version: "v1"}, &metav1.Status{})
	identity := func(handler http.Handler) http.Handler { return handler }
	return genericapiserver.NewAPIServerHandler(name, serializer.NewCodecFactory(scheme), identity, next)
}

var found = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

func foundRoute(_ *restful.Request, response *restful.Response) { response.WriteHeader(http.StatusOK) }

var (
	mediaTypes    = []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"}
	allMediaTypes = append(append([]string{}, mediaTypes...), "application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")
	patchTypes    = []string{
		"application/json-patch+json", "application/merge-patch+json",
		"application/strategic-merge-patch+json", "application/apply-patch+yaml",
	}
)

// resource says which verbs the storage of a resource or subresource has: l(ist) w(atch) c(reate) g(et)
// u(pdate) p(atch) d(elete) D(eletecollection); x: it is connected to (every method, as the installer does for
// exec and its like), X: with a sub-path too.
type resource struct {
	path       string
	namespaced bool
	verbs      string
}

func installBuiltin(h *genericapiserver.APIServerHandler) {
	container := h.GoRestfulContainer
	const all = "lwcgupdD"
	addService(container, "/api/v1", []resource{
		{"pods", true, all}, {"pods/status", true, "gup"}, {"pods/log", true, "g"}, {"pods/exec", true, "x"},
		{"pods/attach", true, "x"}, {"pods/portforward", true, "x"}, {"pods/proxy", true, "X"}, {"pods/binding", true, "c"},
		{"pods/eviction", true, "c"}, {"pods/ephemeralcontainers", true, "gup"}, {"pods/resize", true, "gup"}, {"bindings", true, "c"},
		{"services", true, all}, {"services/status", true, "gup"}, {"services/proxy", true, "X"},
		{"secrets", true, all}, {"configmaps", true, all}, {"endpoints", true, all}, {"events", true, all},
		{"serviceaccounts", true, all}, {"serviceaccounts/token", true, "c"},
		{"replicationcontrollers", true, all}, {"replicationcontrollers/scale", true, "gup"}, {"persistentvolumeclaims", true, all},
		{"namespaces", false, "lwcgupd"}, {"namespaces/status", false, "gup"}, {"namespaces/finalize", false, "u"},
		{"nodes", false, all}, {"nodes/status", false, "gup"}, {"nodes/proxy", false, "X"}, {"persistentvolumes", false, all}, {"componentstatuses", false, "lg"},
	})
	addService(container, "/apis/apps/v1", []resource{
		{"deployments", true, all}, {"deployments/status", true, "gup"}, {"deployments/scale", true, "gup"}, {"replicasets", true, all},
		{"statefulsets", true, all}, {"statefulsets/scale", true, "gup"}, {"daemonsets", true, all}, {"controllerrevisions", true, all},
	})
	addService(container, "/apis/batch/v1", []resource{{"jobs", true, all}, {"jobs/status", true, "gup"}, {"cronjobs", true, all}})
	addService(container, "/apis/rbac.authorization.k8s.io/v1", []resource{
		{"clusterroles", false, all}, {"clusterrolebindings", false, all}, {"roles", true, all}, {"rolebindings", true, all},
	})
	addService(container, "/apis/authorization.k8s.io/v1", []resource{
		{"selfsubjectaccessreviews", false, "c"}, {"selfsubjectrulesreviews", false, "c"}, {"localsubjectaccessreviews", true, "c"},
	})
	for _, path := range []string{"/api", "/version", "/.well-known/openid-configuration", "/openid/v1/jwks"} {
		ws := new(restful.WebService)
		ws.Path(path)
		ws.Route(ws.GET("/").To(foundRoute))
		container.Add(ws)
	}
	mux := h.NonGoRestfulMux
	for _, path := range []string{"/", "/healthz", "/livez", "/readyz", "/readyz/ping", "/readyz/etcd", "/metrics", "/metrics/slis", "/debug/pprof", "/apis"} {
		mux.Handle(path, found)
	}
	mux.UnlistedHandlePrefix("/debug/pprof/", found)
}

// addService registers one group version with the routes that APIInstaller.registerResourceHandlers makes, the
// deprecated watch/ forms included.
func addService(container *restful.Container, root string, resources []resource) {
	ws := new(restful.WebService)
	ws.Path(root)
	ws.Consumes("*/*")
	ws.Produces(allMediaTypes...)
	ws.Route(ws.GET("/").To(foundRoute).Produces(mediaTypes...))
	for _, r := range resources {
		addResource(ws, r)
	}
	container.Add(ws)
}

func addResource(ws *restful.WebService, r resource) {
	name, sub, isSub := strings.Cut(r.path, "/")
	collection := name
	if r.namespaced {
		collection = "namespaces/{namespace}/" + name
	}
	item := collection + "/{name}"
	if isSub {
		item += "/" + sub
		collection = item
	}
	for _, verb := range r.verbs {
		switch verb {
		case 'l':
			ws.Route(ws.GET(collection).To(foundRoute).Produces(allMediaTypes...))
			if r.namespaced && !isSub {
				ws.Route(ws.GET(name).To(foundRoute).Produces(allMediaTypes...))
			}
		case 'w':
			ws.Route(ws.GET("watch/" + collection).To(foundRoute))
			ws.Route(ws.GET("watch/" + item).To(foundRoute))
			if r.namespaced && !isSub {
				ws.Route(ws.GET("watch/" + name).To(foundRoute))
			}
		case 'c':
			ws.Route(ws.POST(collection).To(foundRoute).Produces(mediaTypes...))
		case 'g':
			produces := mediaTypes
			if sub == "log" {
				produces = append([]string{"text/plain"}, mediaTypes...)
			}
			ws.Route(ws.GET(item).To(foundRoute).Produces(produces...))
		case 'u':
			ws.Route(ws.PUT(item).To(foundRoute).Produces(mediaTypes...))
		case 'p':
			ws.Route(ws.PATCH(item).To(foundRoute).Consumes(patchTypes...).Produces(mediaTypes...))
		case 'd':
			ws.Route(ws.DELETE(item).To(foundRoute).Produces(mediaTypes...))
		case 'D':
			ws.Route(ws.DELETE(collection).To(foundRoute).Produces(mediaTypes...))
		case 'x', 'X':
			methods := []string{"GET", "POST"}
			if verb == 'X' {
				methods = []string{"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"}
			}
			for _, method := range methods {
				ws.Route(ws.Method(method).Path(item).To(foundRoute).Produces("*/*").Consumes("*/*"))
				if verb == 'X' {
					ws.Route(ws.Method(method).Path(item + "/{path:*}").To(foundRoute).Produces("*/*").Consumes("*/*"))
				}
			}
		}
	}
}

// customResources decides as apiextensions-apiserver's crdHandler does: by RequestInfo alone, not by a route
// table. The group example.dev has the namespaced widgets (with status and scale) and the cluster-wide gadgets.
func customResources(w http.ResponseWriter, r *http.Request) {
	info, _ := request.RequestInfoFrom(r.Context())
	parts := strings.Split(strings.Trim(info.Path, "/"), "/")
	switch {
	case !info.IsResourceRequest:
		// The handlers of group and version discovery look at the path only.
		if len(parts) > 1 && parts[1] == "example.dev" && (len(parts) == 2 || len(parts) == 3 && parts[2] == "v1") {
			return
		}
	case info.APIGroup == "example.dev" && info.APIVersion == "v1" && (info.Resource == "widgets" || info.Resource == "gadgets"):
		namespaced := info.Resource == "widgets"
		if !namespaced && info.Namespace != "" || namespaced && info.Namespace == "" && info.Verb != "list" && info.Verb != "watch" {
			break
		}
		switch info.Subresource {
		case "":
			switch info.Verb {
			case "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection":
				return
			}
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		case "status", "scale":
			switch info.Verb {
			case "get", "update", "patch":
				if namespaced || info.Subresource == "status" {
					return
				}
			}
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
	}
	http.NotFound(w, r)
}

// spdyUpgrade is the test of apimachinery's SPDY upgrader (httpstream/spdy/upgrade.go): a substring.
func spdyUpgrade(header string) bool {
	return strings.Contains(strings.ToLower(header), "spdy/3.1")
}
