/* Messages over the parser library, in one piece and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../io/http.h"
#include "../io/wire.h"

/* Feeds `text` in pieces until a message ends; returns how much it took. */
static size_t feed(struct http_message *m, const char *text, size_t piece)
{
    const size_t size = strlen(text);
    size_t at = 0;

    while (at < size && !m->complete && !m->refused)
        at += http_feed(m, text + at, size - at < piece ? size - at : piece);
    return at;
}

static void each(const char *text, void (*check)(const struct http_message *m, size_t taken))
{
    struct http_message m;

    for (size_t piece = 1; piece <= strlen(text); piece += strlen(text) - 1) {
        size_t taken;

        http_request_begin(&m);
        taken = feed(&m, text, piece);
        check(&m, taken);
    }
}

static void is_get(const struct http_message *m, size_t taken)
{
    assert_true(m->complete && m->keep_alive);
    assert_int_equal(m->refused, 0);
    assert_int_equal(m->verb, HTTP_VERB_GET);
    assert_string_equal(m->target, "/a?b");
    assert_int_equal(taken, strlen("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n"));
}

static void a_request_ends_where_the_next_begins(void **state)
{
    each("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\n\r\n", is_get);
}

static void is_hello(const struct http_message *m, size_t taken)
{
    assert_true(m->complete);
    assert_int_equal(m->verb, HTTP_VERB_POST);
    assert_int_equal(m->body_size, 5);
    assert_memory_equal(m->body, "hello", 5);
}

static void bodies_are_whole_however_they_come(void **state)
{
    each("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", is_hello);
    each(
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        is_hello);
}

static void is_last(const struct http_message *m, size_t taken)
{
    assert_true(m->complete && !m->keep_alive);
}

static void a_connection_ends_where_http_says_so(void **state)
{
    each("GET / HTTP/1.0\r\n\r\n", is_last);
    each("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", is_last);
    each("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", is_last);
    each("CONNECT a:1 HTTP/1.1\r\n\r\n", is_last);
}

static void is_malformed(const struct http_message *m, size_t taken)
{
    assert_int_equal(m->refused, 400);
    assert_false(m->complete);
}

static void what_is_not_http_is_refused(void **state)
{
    each("hello\r\n\r\n", is_malformed);
    each("GET / HTTP/x\r\n\r\n", is_malformed);
    each("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
         is_malformed);
    each("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", is_malformed);
}

/* A request of `before`, then `count` times 'a', then `after`. */
static int refusal(const char *before, size_t count, const char *after)
{
    static char text[16384];
    struct http_message m;

    assert_true(strlen(before) + count + strlen(after) < sizeof text);
    snprintf(text, sizeof text, "%s%*s%s", before, (int)count, "", after);
    for (char *c = text + strlen(before); count > 0; count--)
        *c++ = 'a';
    http_request_begin(&m);
    feed(&m, text, 100);
    return m.refused ? m.refused : m.complete ? 200 : 0;
}

static void every_size_has_its_limit(void **state)
{
    const char end[] = " HTTP/1.1\r\n\r\n", post[] = "POST / HTTP/1.1\r\nContent-Length: ";

    assert_int_equal(refusal("GET /", HTTP_TARGET_MAX - 1, end), 200);
    assert_int_equal(refusal("GET /", HTTP_TARGET_MAX, end), 414);
    assert_int_equal(refusal("GET / HTTP/1.1\r\nA: ", HTTP_HEAD_MAX - 40, "\r\n\r\n"), 200);
    assert_int_equal(refusal("GET / HTTP/1.1\r\nA: ", HTTP_HEAD_MAX, "\r\n\r\n"), 431);
    assert_int_equal(refusal("POST / HTTP/1.1\r\nContent-Length: 1024\r\n\r\n", 1024, ""), 200);
    assert_int_equal(refusal("POST / HTTP/1.1\r\nContent-Length: 1025\r\n\r\n", 0, ""), 413);
    assert_int_equal(
        refusal("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n", 1025, ""), 413);
    assert_int_equal(refusal(post, 0, "0\r\n\r\n"), 200);
}

static void what_is_composed_can_be_read(void **state)
{
    static const int statuses[] = {200, 400, 404, 405, 408, 413, 414, 422, 431, 500, 503};
    char text[HTTP_REPLY_MAX + 1], body[HTTP_REPLY_BODY_MAX];
    struct http_message m;

    memset(body, 'b', sizeof body);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        const char *content = i % 2 ? NULL : body;
        size_t size = http_compose(text, statuses[i], i % 3, content, sizeof body);

        assert_true(size <= HTTP_REPLY_MAX);
        http_reply_begin(&m);
        assert_int_equal(http_feed(&m, text, size), size);
        assert_true(m.complete);
        assert_int_equal(m.status, statuses[i]);
        assert_int_equal(m.keep_alive, i % 3 != 0);
        assert_true(content ? m.body_size == sizeof body : m.body_size > 0);
    }
}

static void numbers_are_read_as_they_are_written(void **state)
{
    const uint64_t values[] = {0, 7, 10, 999, 1000, UINT64_C(1234567890123456789)};
    char digits[20];

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_true(wire_number(digits, wire_digits(digits, values[i]), '\n') == values[i]);
    assert_int_equal(wire_digits(digits, UINT64_MAX), 20);
    assert_memory_equal(digits, "18446744073709551615", 20);
    assert_true(wire_number("7,", 2, ',') == 7);
    assert_true(wire_number("7x", 2, ',') == UINT64_MAX);
    assert_true(wire_number("", 0, ',') == UINT64_MAX);
    assert_true(wire_number("-1", 2, ',') == UINT64_MAX);
    assert_true(wire_number("99999999999999999999", 20, ',') == UINT64_MAX);
}

static void a_refused_message_has_a_target_that_ends(void **state)
{
    static const char text[] = "POST /abc HTTP/1.1\r\nContent-Length: 99999\r\n\r\n";
    struct http_message m;

    memset(&m, 'x', sizeof m);
    http_request_begin(&m);
    feed(&m, text, sizeof text);
    assert_int_equal(m.refused, 413);
    assert_string_equal(m.target, "/abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_ends_where_the_next_begins),
        cmocka_unit_test(bodies_are_whole_however_they_come),
        cmocka_unit_test(a_connection_ends_where_http_says_so),
        cmocka_unit_test(what_is_not_http_is_refused),
        cmocka_unit_test(every_size_has_its_limit),
        cmocka_unit_test(a_refused_message_has_a_target_that_ends),
        cmocka_unit_test(what_is_composed_can_be_read),
        cmocka_unit_test(numbers_are_read_as_they_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
