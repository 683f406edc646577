/* HTTP/1.1, both ends, over a packaged parser: http_parser, or llhttp, its
 * successor, where that is installed. What is not here is the parser's word:
 * what a request looks like, where it ends, whether the connection stays.
 *
 * A message is fed bytes as they arrive until it is complete or refused. Every
 * size has a limit, and memory is only touched as far as it is used.
 */
#ifndef GREENBENCH_IO_HTTP_H
#define GREENBENCH_IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef GREENBENCH_LLHTTP
#include <llhttp.h>
typedef llhttp_t http_library;
#else
#include <http_parser.h>
typedef struct http_parser http_library;
#endif

enum {
    HTTP_HEAD_MAX = 4096,  /* bytes that are not body: 431 above */
    HTTP_TARGET_MAX = 255, /* 414 above */
    HTTP_BODY_MAX = 1024,  /* 413 above */
    HTTP_REPLY_MAX = 512,  /* bytes of a reply of ours, head and body */
    HTTP_REPLY_BODY_MAX = 256,
};

enum http_verb { HTTP_VERB_GET, HTTP_VERB_POST, HTTP_VERB_OTHER };

/* One message of either kind. */
struct http_message {
    http_library library;
    bool started; /* a byte of it was seen */
    bool complete;
    bool keep_alive;     /* once complete */
    int refused;         /* the status that says why it is no good, or 0 */
    size_t plain;        /* bytes that are not body */
    enum http_verb verb; /* of a request */
    int status;          /* of a reply */
    size_t target_size, body_size;
    char target[HTTP_TARGET_MAX + 1]; /* of a request, terminated */
    char body[HTTP_BODY_MAX];
};

void http_request_begin(struct http_message *m);
void http_reply_begin(struct http_message *m);

/* Returns the bytes taken: all of them, unless the message is now complete or
 * refused. A complete or refused message takes no more. */
size_t http_feed(struct http_message *m, const char *data, size_t size);

/* Composes a reply in `to`, HTTP_REPLY_MAX bytes; returns its size. The body
 * has at most HTTP_REPLY_BODY_MAX bytes; NULL: the status in words. */
size_t http_compose(char *to, int status, bool keep_alive, const char *body, size_t body_size);

#endif
