package main

import (
	"fmt"
	"strconv"
	"strings"
)

// params are the values of a cell's axes; what a name does not mention has the
// value that parseCell starts with.
type params struct {
	n, k, kib, bytes, producers, consumers, capacity, section, hogs, delay uint64
	fullLoad                                                               uint64 // of the option
	cold, remedyOff                                                        bool
	by, load, stack                                                        string
	ncpu                                                                   uint64
	place                                                                  string
}

type cell struct {
	name     string
	workload *workload
	params   params
}

// axis is one key of a cell's name: a number within bounds, or one of words.
type axis struct {
	key      string
	min, max uint64
	field    func(*params) *uint64
	words    []string
	set      func(p *params, word string)
}

const cellNameMax = 200

func number(key string, min, max uint64, field func(*params) *uint64) axis {
	return axis{key: key, min: min, max: max, field: field}
}

func words(key string, set func(p *params, word string), words ...string) axis {
	return axis{key: key, words: words, set: set}
}

// axes stand in canonical order, with the bounds of the C parser.
var axes = []axis{
	number("n", 1, 100000000, func(p *params) *uint64 { return &p.n }),
	number("k", 1, 100000, func(p *params) *uint64 { return &p.k }),
	number("kib", 1, 1<<20, func(p *params) *uint64 { return &p.kib }),
	number("bytes", 1024, 1<<30, func(p *params) *uint64 { return &p.bytes }),
	number("p", 1, 1024, func(p *params) *uint64 { return &p.producers }),
	number("c", 1, 100000, func(p *params) *uint64 { return &p.consumers }),
	number("cap", 0, 1<<20, func(p *params) *uint64 { return &p.capacity }),
	number("cs", 0, 1000000, func(p *params) *uint64 { return &p.section }),
	number("h", 0, 1024, func(p *params) *uint64 { return &p.hogs }),
	words("by", func(p *params, word string) { p.by = word }, "mutex", "atomic", "owner"),
	number("delay", 0, 1000000, func(p *params) *uint64 { return &p.delay }),
	words("load", func(p *params, word string) { p.load = word }, "25", "50", "80", "max"),
	words("remedy", func(p *params, word string) { p.remedyOff = word == "off" }, "on", "off"),
	words("stack", func(p *params, word string) { p.stack = word }, "small", "64k"),
	words("temp", func(p *params, word string) { p.cold = word == "cold" }, "warm", "cold"),
	number("P", 1, 4096, func(p *params) *uint64 { return &p.ncpu }),
	{key: "place"},
}

var (
	pairPlaces = []string{"free", "same-pu", "smt", "same-llc", "cross-llc", "cross-numa", "cross-package"}
	poolPlaces = []string{"none", "compact", "scatter"}
)

func axisKeys() []string {
	keys := make([]string, len(axes))
	for i := range axes {
		keys[i] = axes[i].key
	}
	return keys
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

// checkCharacters lets nothing through that a name is not made of: names reach
// terminals and logs.
func checkCharacters(name string) string {
	if len(name) > cellNameMax {
		return fmt.Sprintf("the cell name is longer than %d bytes", cellNameMax)
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_-:/", c) >= 0) {
			return fmt.Sprintf("byte 0x%02x at position %d cannot be part of a cell name", c, i+1)
		}
	}
	return ""
}

func findWorkload(name string) (*workload, string) {
	names := make([]string, len(workloads))
	for i, w := range workloads {
		if w.name == name {
			return w, ""
		}
		names[i] = w.name
	}
	return nil, fmt.Sprintf("no workload '%s'; there are: %s", name, strings.Join(names, ", "))
}

// parseCell reads a name into c; the complaint, or "".
func parseCell(name string, c *cell) string {
	if complaint := checkCharacters(name); complaint != "" {
		return complaint
	}
	parts := strings.SplitN(name, "/", 3)
	title := strings.Join(parts[:len(parts)-len(parts)/3], "/")
	w, complaint := findWorkload(title)
	if complaint != "" {
		return complaint
	}
	*c = cell{name: name, workload: w, params: params{n: 1, k: 1, producers: 1, consumers: 1, ncpu: 1, place: w.places()[0]}}
	seen := map[string]bool{}
	last := -1
	for _, segment := range strings.Split(name, "/")[2:] {
		if complaint := c.parseSegment(segment, seen, &last); complaint != "" {
			return complaint
		}
	}
	return c.checkWhole(seen)
}

// parseSegment reads one key:value; last is the index of the axis before it.
func (c *cell) parseSegment(segment string, seen map[string]bool, last *int) string {
	w := c.workload
	key, value, found := strings.Cut(segment, ":")
	if !found {
		return fmt.Sprintf("'%s' is not key:value; %s has the axes: %s", segment, w.name, w.axes)
	}
	at := -1
	for i := range axes {
		if axes[i].key == key && contains(strings.Fields(w.axes), key) {
			at = i
		}
	}
	if at < 0 {
		return fmt.Sprintf("%s has no axis '%s'; it has: %s", w.name, key, w.axes)
	}
	if at <= *last {
		return fmt.Sprintf("axis '%s' is repeated or out of order; the order is: %s", key, w.axes)
	}
	*last, seen[key] = at, true
	return c.parseValue(&axes[at], value)
}

func (c *cell) parseValue(a *axis, text string) string {
	switch {
	case a.key == "place":
		return c.parsePlace(text)
	case a.words != nil:
		if !contains(a.words, text) {
			return fmt.Sprintf("%s:%s is not one of: %s", a.key, text, strings.Join(a.words, " "))
		}
		a.set(&c.params, text)
		return ""
	}
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil && !strings.Contains(err.Error(), "out of range") || text[0] == '+' || text[0] == '0' && len(text) > 1 {
		return fmt.Sprintf("%s:%s is not a plain decimal number", a.key, text)
	}
	if err != nil || value < a.min || value > a.max {
		return fmt.Sprintf("%s:%s is not within %d and %d", a.key, text, a.min, a.max)
	}
	*a.field(&c.params) = value
	return ""
}

func (c *cell) parsePlace(text string) string {
	if !contains(c.workload.places(), text) {
		return fmt.Sprintf("place:%s is not one of: %s", text, strings.Join(c.workload.places(), " "))
	}
	if text == c.params.place {
		return fmt.Sprintf("leave out place:%s, it is what a name without place means", text)
	}
	c.params.place = text
	return ""
}

func (c *cell) checkWhole(seen map[string]bool) string {
	w, p := c.workload, &c.params
	for _, key := range strings.Fields(w.axes) {
		if key != "place" && key != "stack" && !seen[key] {
			return fmt.Sprintf("axis '%s' is missing; %s has the axes: %s", key, w.name, w.axes)
		}
	}
	if w.check != nil {
		if complaint := w.check(p); complaint != "" {
			return complaint
		}
	}
	switch {
	case p.place == "same-pu" && p.ncpu != 1:
		return "place:same-pu needs P:1"
	case contains(pairPlaces[2:], p.place) && p.ncpu != 2:
		return "a placement on two CPUs needs P:2"
	}
	return ""
}
