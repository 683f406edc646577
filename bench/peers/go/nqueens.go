package main

import (
	"math/bits"
	"sync"
)

const (
	smallestBoard = 4
	largestBoard  = 16
	spawningRows  = 2
	aloneTimes    = 3
)

var queensKnown = [largestBoard + 1]uint64{4: 2, 5: 10, 6: 4, 7: 40, 8: 92, 9: 352, 10: 724, 11: 2680,
	12: 14200, 13: 73712, 14: 365596, 15: 2279184, 16: 14772512}

var parallelNqueens = workload{
	name: "parallel/nqueens", axes: "n P place", flags: voidLimit, check: checkNqueens,
	unit: func(p *params) uint64 { return queensKnown[p.n] }, run: runNqueens,
	expected: func(rounds uint64, p *params) uint64 { return rounds * mix(queensKnown[p.n]) },
}

func checkNqueens(p *params) string {
	if p.n < smallestBoard || p.n > largestBoard {
		return "parallel/nqueens takes n:4 to n:16, below there is nothing to find"
	}
	return ""
}

// board has some rows filled: squares of the next row that are taken.
type board struct{ columns, left, right uint32 }

func (b board) place(square uint32) board {
	return board{b.columns | square, (b.left | square) << 1, (b.right | square) >> 1}
}

func (b board) open(all uint32) uint32 { return all &^ (b.columns | b.left | b.right) }

// search counts the solutions below a board.
func search(b board, all uint32) uint64 {
	if b.columns == all {
		return 1
	}
	solutions := uint64(0)
	for open := b.open(all); open != 0; open &= open - 1 {
		solutions += search(b.place(open&-open), all)
	}
	return solutions
}

// queensNode is a piece of work, and what was counted in the tree below.
type queensNode struct {
	board         board
	all, row      uint32
	solutions     uint64
	created, done uint32
}

func (n *queensNode) body(group *sync.WaitGroup) {
	n.expand()
	n.done++
	group.Done()
}

func (n *queensNode) expand() {
	if n.row < spawningRows {
		n.forkAndJoin()
	} else {
		n.solutions = search(n.board, n.all)
	}
}

func (n *queensNode) forkAndJoin() {
	open := n.board.open(n.all)
	parts := make([]queensNode, bits.OnesCount32(open))
	var group sync.WaitGroup
	group.Add(len(parts))
	for i := range parts {
		parts[i] = queensNode{board: n.board.place(open & -open), all: n.all, row: n.row + 1}
		go parts[i].body(&group)
		open &= open - 1
	}
	group.Wait()
	n.created += uint32(len(parts))
	for i := range parts {
		n.solutions += parts[i].solutions
		n.created += parts[i].created
		n.done += parts[i].done
	}
}

// queensAlone is the whole search as one call, the fastest of a few.
func queensAlone(all uint32, solutions uint64) float64 {
	best := int64(1) << 62
	for i := 0; i < aloneTimes; i++ {
		begin := now()
		if search(board{}, all) != solutions {
			return 0
		}
		if took := now() - begin; took < best {
			best = took
		}
	}
	return float64(best) / float64(solutions)
}

func runNqueens(rounds uint64, p *params, b *bench) uint64 {
	all, sum := uint32(1)<<p.n-1, uint64(0)
	b.aloneNs = queensAlone(all, queensKnown[p.n])
	b.start()
	for i := uint64(0); i < rounds; i++ {
		root := queensNode{all: all}
		root.expand()
		sum += mix(root.solutions)
		b.ledger.Created += uint64(root.created)
		b.ledger.Done += uint64(root.done)
	}
	b.stop()
	return sum
}
