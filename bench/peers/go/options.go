package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

type mode int

const (
	modeMeasure mode = iota
	modePilot
	modeList
	modeMachine
	modeTopology
	modeHelp
)

type options struct {
	mode       mode
	cell       string
	hasCell    bool
	rounds     uint64
	memBudget  uint64 // bytes; 0: the default
	timeBudget uint64 // seconds
	targetMs   uint64 // of a pilot
	fullLoad   uint64 // requests a second of which loads are shares; 0: unknown
	ignored    uint64 // what has a meaning for other backends only
}

// bounded is an option that takes a whole number within bounds.
type bounded struct {
	min, max uint64
	value    *uint64
}

func usage(format string, arguments ...interface{}) (*options, int) {
	complain(format+" (see --help)", arguments...)
	return nil, exitUsage
}

func (o *options) numbers() map[string]bounded {
	return map[string]bounded{
		"--rounds":       {1, 1000000000, &o.rounds},
		"--spin-ns":      {0, 1000000000, &o.ignored},
		"--mem-budget":   {1 << 20, 1 << 50, &o.memBudget},
		"--time-budget":  {1, 86400, &o.timeBudget},
		"--pids-reserve": {0, 1 << 22, &o.ignored},
		"--full-load":    {1, 1000000000, &o.fullLoad},
		"--target-ms":    {1, 10000, &o.targetMs},
	}
}

var modeOptions = map[string]mode{
	"--pilot": modePilot, "--list": modeList, "--machine": modeMachine,
	"--topology": modeTopology, "--help": modeHelp,
}

// parseOptions reads the command line; nil and an exit status after one line
// on stderr.
func parseOptions(words []string) (*options, int) {
	o := &options{timeBudget: 20, targetMs: 60}
	for len(words) > 0 {
		name, value, joined := strings.Cut(words[0], "=")
		words = words[1:]
		next := func() bool {
			if !joined && len(words) > 0 {
				value, joined, words = words[0], true, words[1:]
			}
			return joined
		}
		if complaint := o.apply(name, &value, next); complaint != "" {
			return usage("%s", complaint)
		}
	}
	return o.checked()
}

// apply takes one option, whose value next() supplies; the complaint, or "".
func (o *options) apply(name string, value *string, next func() bool) string {
	chosen, isMode := modeOptions[name]
	bounds, isNumber := o.numbers()[name]
	takesValue := isNumber || name == "--cell" || name == "--topology"
	if takesValue && !next() {
		return "unknown option, or one without its value: " + printable(name)
	}
	switch {
	case isMode:
		if o.mode != modeMeasure && o.mode != chosen {
			return "only one of --pilot --list --machine --topology --help can be given"
		}
		o.mode = chosen
	case isNumber:
		return bounds.parse(name, *value)
	case name == "--cell":
		o.cell, o.hasCell = *value, true
	case name == "--allow-debug": // there is no unoptimised build of Go
	case strings.HasPrefix(name, "-"):
		return "unknown option, or one without its value: " + printable(name)
	default:
		return "unexpected argument " + printable(name)
	}
	return ""
}

func (n bounded) parse(name, text string) string {
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil || text[0] == '+' || value < n.min || value > n.max {
		return fmt.Sprintf("%s wants a whole number from %d to %d, not %s", name, n.min, n.max, printable(text))
	}
	*n.value = value
	return ""
}

func (o *options) checked() (*options, int) {
	needsCell := o.mode == modeMeasure || o.mode == modePilot
	switch {
	case needsCell && !o.hasCell:
		return usage("--cell NAME is missing")
	case !needsCell && o.hasCell:
		return usage("--cell does not go with --list, --machine, --topology or --help")
	case o.mode == modeMeasure && o.rounds == 0:
		return usage("--rounds N is missing")
	}
	return o, exitOK
}

// printable is a word of the command line as it may stand in a message.
func printable(text string) string {
	if len(text) > 60 {
		text = text[:60] + "..."
	}
	quoted := strconv.QuoteToASCII(text)
	return quoted[1 : len(quoted)-1]
}

func helpText() string {
	program := os.Args[0]
	return fmt.Sprintf(`Usage: %[1]s --cell NAME --rounds N [options]
       %[1]s --pilot --cell NAME [--target-ms 60]
       %[1]s --list | --machine | --help

Measures one cell on the port to Go, once, in this process, and prints one line
of JSON. Everything else goes to stderr.

  --cell NAME        <group>/<case>/<key:value>/..., keys in the order
                     %[2]s
  --rounds N         how often the workload's round is repeated; 1 for cold cells
                     and for those that exist once per process, whatever is given
  --mem-budget BYTES stop a cell before it uses more (default: half of what is
                     available)
  --time-budget S    stop a cell that fills memory after S seconds (20)
  --pilot            find the rounds that make the region about --target-ms long
  --list             the workloads and their axes, one JSON line each
  --machine          the machine and the build as one JSON object
  --spin-ns N, --allow-debug
                     taken and without effect: Go has neither

Examples:
  %[1]s --cell spawn/one/P:1 --rounds 60
  %[1]s --pilot --cell spawn/storm/n:1000/temp:warm/P:2
  %[1]s --cell channel/ping_pong/cap:0/P:2 --rounds 100

Exit status: 0 measured (status ok, limit or invalid), 1 checksum or ledger wrong,
64 usage or unknown cell, 69 cannot measure, 73 cannot write, 77 not offered here.
`, program, strings.Join(axisKeys(), " "))
}
