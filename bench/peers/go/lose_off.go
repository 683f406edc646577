//go:build !lose_message

package main

// loseMessage is for tests only: with the build tag lose_message the counts of
// one message go missing, which must be noticed.
const loseMessage = false
