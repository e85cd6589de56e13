package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

var levels = []string{"trace", "debug", "info", "warn", "error", "fatal"}

// A step appends what is to be written for a line; it is called by all workers at once.
type step func(out, line []byte) []byte

func newStep(format, level string) (step, error) {
	least := slices.Index(levels, level)
	if least < 0 {
		return nil, fmt.Errorf("there is no level %q", level)
	}
	switch format {
	case "raw":
		return raw, nil
	case "json":
		return func(out, line []byte) []byte { return filterJSON(out, line, least) }, nil
	case "access":
		return accessToJSON, nil
	case "syslog":
		return syslog, nil
	}
	return nil, fmt.Errorf("there is no format %q", format)
}

func raw(out, line []byte) []byte {
	return append(append(out, line...), '\n')
}

// What is no JSON object, or has no level, is dropped.
func filterJSON(out, line []byte, least int) []byte {
	var entry struct {
		Level string `json:"level"`
	}
	if json.Unmarshal(line, &entry) != nil || slices.Index(levels, entry.Level) < least {
		return out
	}
	return raw(out, line)
}

var access = regexp.MustCompile(`^(\S+) (\S+) (\S+) \[([^\]]+)\] "(\S+) (\S+) ([^"]*)" ` +
	`(\d{3}) (\d+|-) "([^"]*)" "([^"]*)"$`)

type accessEntry struct {
	Client   string `json:"client"`
	Ident    string `json:"ident"`
	User     string `json:"user"`
	Time     string `json:"time"`
	Method   string `json:"method"`
	Path     string `json:"path"`
	Protocol string `json:"protocol"`
	Status   string `json:"status"`
	Bytes    string `json:"bytes"`
	Referer  string `json:"referer"`
	Agent    string `json:"agent"`
}

func accessToJSON(out, line []byte) []byte {
	m := access.FindSubmatch(line)
	if m == nil {
		return out
	}
	b := bytes.NewBuffer(out)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if e.Encode(accessEntry{string(m[1]), string(m[2]), string(m[3]), string(m[4]),
		string(m[5]), string(m[6]), string(m[7]), string(m[8]), string(m[9]), string(m[10]),
		string(m[11])}) != nil {
		return out
	}
	return b.Bytes()
}

// RFC 5424, taken apart and put together again.
func syslog(out, line []byte) []byte {
	var e syslogEntry
	if e.parse(line) != nil {
		return out
	}
	return append(e.append(out), '\n')
}
