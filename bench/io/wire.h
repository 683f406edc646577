/* What goes over the wire, and the sums by which both ends are checked.
 * README.md says the same in words, for servers written elsewhere.
 */
#ifndef GREENBENCH_IO_WIRE_H
#define GREENBENCH_IO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_ECHO_BYTES = 64,
    WIRE_ITEMS = 1024,     /* notes of the small resource of io/rest */
    WIRE_POST_EVERY = 10,  /* one request in so many is a POST */
    WIRE_REQUEST_MAX = 256 /* bytes of a request of ours */
};

/* As workload_mix(). */
static inline uint64_t wire_mix(uint64_t id)
{
    uint64_t x = (id + 1) * UINT64_C(0x9e3779b97f4a7c15);

    return x ^ (x >> 29);
}

/* Request `i` of a run, counted from 0. */
static inline bool wire_is_post(uint64_t i)
{
    return i % WIRE_POST_EVERY == WIRE_POST_EVERY - 1;
}

static inline uint64_t wire_item(uint64_t i)
{
    return wire_mix(i) % WIRE_ITEMS;
}

/* What a POST adds to its item. */
static inline uint64_t wire_amount(uint64_t i)
{
    return (wire_mix(i) >> 32) % 1000;
}

/* The sum of wire_mix() over the first `count` requests. */
uint64_t wire_sum(uint64_t count);

/* What all POSTs among them add together. */
uint64_t wire_posted(uint64_t count);

/* Message `i` of an echo run. */
void wire_echo(uint64_t i, char ret_message[WIRE_ECHO_BYTES]);

/* Decimal digits, without a terminator; returns their number. */
size_t wire_digits(char *to, uint64_t value);

/* The number at the start of `text`; UINT64_MAX if there is none, or anything
 * but `end` follows it. */
uint64_t wire_number(const char *text, size_t size, char end);

#endif
