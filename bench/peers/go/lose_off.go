//go:build !lose_message

package main

import "time"

// loseMessage is for tests only: with the build tag lose_message the counts of
// one message go missing, which must be noticed, and io/rest stops for a while.
const loseMessage = false

func holdTheCPU(time.Duration) {}
