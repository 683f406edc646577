package main

type latency struct{}
