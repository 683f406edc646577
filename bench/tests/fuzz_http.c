/* Whatever a client sends: requests, as the server reads them, and replies, as
 * the load generator does. For libFuzzer (`ninja fuzz-http`); not a test that
 * passes or fails by itself.
 *
 * The first byte of the input says which of the two, and how many bytes arrive at
 * once. Beside what the sanitizers see, the same bytes must mean the same however
 * they are cut, and no size may be beyond its limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/http.h"
#include "../io/wire.h"

enum { REPLY = 0x80, PIECE = 0x7f };

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_http: not so: %s\n", what);
    abort();
}

static void check_sizes(const struct http_message *m, size_t taken, size_t given)
{
    require(taken <= given, "no more is taken than was given");
    require(m->target_size <= HTTP_TARGET_MAX, "the target fits");
    require(m->body_size <= HTTP_BODY_MAX, "the body fits");
    require(m->target[m->target_size] == '\0', "the target is terminated");
    require(!m->complete || m->refused == 0, "a refused message is not complete");
    require(m->complete || m->refused || taken == given,
            "all is taken of what is not yet complete");
}

/* One message from the front of the input; returns the bytes that it took. */
static size_t read_message(struct http_message *m, bool reply, const char *data, size_t size,
                           size_t piece)
{
    size_t at = 0;

    if (reply)
        http_reply_begin(m);
    else
        http_request_begin(m);
    while (at < size && !m->complete && !m->refused) {
        const size_t given = size - at < piece ? size - at : piece;
        const size_t taken = http_feed(m, data + at, given);

        check_sizes(m, taken, given);
        at += taken;
    }
    return at;
}

static void check_same(const struct http_message *a, const struct http_message *b)
{
    /* Of two things that are wrong, the one that is seen first is said. */
    require(a->complete == b->complete && !a->refused == !b->refused,
            "cut or whole, it ends alike");
    if (!a->complete)
        return;
    require(a->keep_alive == b->keep_alive && a->verb == b->verb && a->status == b->status,
            "cut or whole, it says the same");
    require(a->target_size == b->target_size && memcmp(a->target, b->target, a->target_size) == 0,
            "cut or whole, the target is the same");
    require(a->body_size == b->body_size && memcmp(a->body, b->body, a->body_size) == 0,
            "cut or whole, the body is the same");
}

/* What the server makes of it: a number in target and body, and an answer. */
static void answer(const struct http_message *m)
{
    char text[HTTP_REPLY_MAX], body[HTTP_REPLY_BODY_MAX] = "";
    const uint64_t id = wire_number(m->target, m->target_size, '?');
    const uint64_t amount = wire_number(m->body, m->body_size, '\n');
    const size_t size = wire_digits(body, id ^ amount);

    require(http_compose(text, 200, m->keep_alive, body, size) <= sizeof text, "a reply fits");
    require(http_compose(text, m->refused, false, NULL, 0) <= sizeof text, "a refusal fits");
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct http_message cut, whole;
    const bool reply = size > 0 && input[0] & REPLY;
    const size_t piece = size > 0 ? (input[0] & PIECE) + 1 : 1;
    const char *data = (const char *)input + 1;

    for (size_t left = size > 0 ? size - 1 : 0; left > 0;) {
        const size_t taken = read_message(&cut, reply, data, left, piece);

        require(read_message(&whole, reply, data, left, left) == taken || cut.refused,
                "cut or whole, it takes the same bytes");
        check_same(&cut, &whole);
        answer(&cut);
        if (!cut.complete || !cut.keep_alive || taken == 0)
            break;
        data += taken;
        left -= taken;
    }
    return 0;
}
