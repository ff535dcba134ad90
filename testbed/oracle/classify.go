package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"

	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/apimachinery/pkg/util/httpstream/wsstream"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/filters"
)

type refusal struct {
	Refused string `json:"refused"`
}

// answer has RequestInfo's fields under the names of the gateway, then facts that the parity test uses beside them.
type answer struct {
	IsResource    bool   `json:"isResource"`
	Verb          string `json:"verb"`
	APIPrefix     string `json:"apiPrefix"`
	APIGroup      string `json:"apiGroup"`
	APIVersion    string `json:"apiVersion"`
	Namespace     string `json:"namespace"`
	Resource      string `json:"resource"`
	Subresource   string `json:"subresource"`
	Name          string `json:"name"`
	Path          string `json:"path"`
	FieldSelector string `json:"fieldSelector"`
	LabelSelector string `json:"labelSelector"`
	// Routed: some handler would run, i.e. the router's answer is neither 404, 405, 406 nor 415.
	Routed bool `json:"routed"`
	// Status is what the router answered (200 stands for "a handler ran").
	Status int `json:"status"`
	// Upgrade: "websocket", "SPDY/3.1", "other" or "": how apimachinery would see the request.
	Upgrade     string `json:"upgrade"`
	LongRunning bool   `json:"longRunning"`
	// Query as the handlers see it: url.Query(), which silently drops what it cannot read.
	Query url.Values `json:"query"`
}

// newHandler is kube-apiserver's chain reduced to what reads the request line and headers: RequestInfo (first in
// the chain; an error there is a 500), then the routers.
func newHandler() http.Handler {
	// The same call and the same legacy prefix as kube-apiserver's generic configuration ("api").
	resolver := genericapiserver.NewRequestInfoResolver(&genericapiserver.Config{
		LegacyAPIGroupPrefixes: sets.NewString(genericapiserver.DefaultLegacyAPIPrefix),
	})
	// The sets of kubernetes/pkg/controlplane/apiserver/config.go.
	longRunning := filters.BasicLongRunningRequestCheck(
		sets.NewString("watch", "proxy"),
		sets.NewString("attach", "exec", "proxy", "log", "portforward"),
	)
	routes := newRouter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(connectionKey{}).(*memoryConnection)
		w.Header().Set("Connection", "close")
		if c.answer != nil {
			return
		}
		info, err := resolver.NewRequestInfo(r)
		if err != nil {
			c.answer = refusal{"RequestInfo: " + err.Error()}
			return
		}
		r = r.WithContext(request.WithRequestInfo(r.Context(), info))
		recorder := httptest.NewRecorder()
		routes.ServeHTTP(recorder, r)
		c.answer = answer{
			IsResource: info.IsResourceRequest, Verb: info.Verb,
			APIPrefix: info.APIPrefix, APIGroup: info.APIGroup, APIVersion: info.APIVersion,
			Namespace: info.Namespace, Resource: info.Resource, Subresource: info.Subresource, Name: info.Name,
			Path: info.Path, FieldSelector: info.FieldSelector, LabelSelector: info.LabelSelector,
			Routed: recorder.Code == http.StatusOK, Status: recorder.Code,
			Upgrade: upgradeOf(r), LongRunning: longRunning(r, info), Query: r.URL.Query(),
		}
	})
}

func upgradeOf(r *http.Request) string {
	switch {
	case !httpstream.IsUpgradeRequest(r):
		return ""
	case wsstream.IsWebSocketRequest(r):
		return "websocket"
	case spdyUpgrade(r.Header.Get("Upgrade")):
		return "SPDY/3.1"
	}
	return "other"
}
