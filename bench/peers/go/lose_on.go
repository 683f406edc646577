//go:build lose_message

package main

const loseMessage = true
