package main

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// parseLogOptions reads what the API server puts into the query of a log
// request; it has checked ranges and exclusions before.
func parseLogOptions(query url.Values) (core.PodLogOptions, error) {
	var options core.PodLogOptions
	var err error
	flag := func(name string, into *bool) {
		if text := query.Get(name); text != "" && err == nil {
			*into, err = strconv.ParseBool(text)
		}
	}
	number := func(name string, into **int64) {
		if text := query.Get(name); text != "" && err == nil {
			var value int64
			value, err = strconv.ParseInt(text, 10, 64)
			*into = &value
		}
	}
	flag("follow", &options.Follow)
	flag("previous", &options.Previous)
	flag("timestamps", &options.Timestamps)
	number("limitBytes", &options.LimitBytes)
	number("sinceSeconds", &options.SinceSeconds)
	number("tailLines", &options.TailLines)
	if text := query.Get("sinceTime"); text != "" && err == nil {
		var at time.Time
		at, err = time.Parse(time.RFC3339Nano, text)
		options.SinceTime = &meta.Time{Time: at}
	}
	if text := query.Get("stream"); text != "" {
		options.Stream = &text
	}
	if err != nil {
		return options, fmt.Errorf("log options: %w", err)
	}
	return options, nil
}
