//go:build !lose_message

package main

import "time"

// loseMessage is for tests only: with the build tag lose_message a message goes
// missing, or the count of it, which must be noticed; at a share of its load io/rest
// stops for a while.
const loseMessage = false

func holdTheCPU(time.Duration) {}
