/* Messages over the parser library; see http.h. */
#include "http.h"

#include <string.h>

#include "wire.h"

/* --- what the two libraries do differently -------------------------------- */

#ifdef GREENBENCH_LLHTTP

typedef llhttp_settings_t library_settings;

static void library_begin(http_library *l, bool request, const library_settings *settings)
{
    llhttp_init(l, request ? HTTP_REQUEST : HTTP_RESPONSE, settings);
}

static size_t library_feed(http_library *l, const library_settings *settings, const char *data,
                           size_t size, bool *ret_wrong)
{
    const llhttp_errno_t error = llhttp_execute(l, data, size);

    *ret_wrong = error != HPE_OK && error != HPE_PAUSED && error != HPE_PAUSED_UPGRADE;
    return error == HPE_OK ? size : (size_t)(llhttp_get_error_pos(l) - data);
}

/* From on_message_complete: what follows is another message. */
static int library_stop(http_library *l)
{
    return HPE_PAUSED;
}

static bool library_keep_alive(http_library *l)
{
    return llhttp_should_keep_alive(l) && !l->upgrade;
}

#else

typedef http_parser_settings library_settings;

static void library_begin(http_library *l, bool request, const library_settings *settings)
{
    http_parser_init(l, request ? HTTP_REQUEST : HTTP_RESPONSE);
}

static size_t library_feed(http_library *l, const library_settings *settings, const char *data,
                           size_t size, bool *ret_wrong)
{
    const size_t taken = http_parser_execute(l, settings, data, size);

    *ret_wrong = HTTP_PARSER_ERRNO(l) != HPE_OK && HTTP_PARSER_ERRNO(l) != HPE_PAUSED;
    return taken;
}

static int library_stop(http_library *l)
{
    http_parser_pause(l, 1);
    return 0;
}

static bool library_keep_alive(http_library *l)
{
    return http_should_keep_alive(l) && !l->upgrade;
}

#endif

/* --- requests and replies -------------------------------------------------- */

static int refuse(struct http_message *m, int status)
{
    m->refused = status;
    return -1;
}

static int on_target(http_library *l, const char *at, size_t size)
{
    struct http_message *m = l->data;

    if (size > HTTP_TARGET_MAX - m->target_size)
        return refuse(m, 414);
    memcpy(m->target + m->target_size, at, size);
    m->target_size += size;
    return 0;
}

static int on_headers(http_library *l)
{
    struct http_message *m = l->data;

    /* The largest value stands for no length at all. */
    if (l->content_length > HTTP_BODY_MAX && l->content_length != UINT64_MAX)
        return refuse(m, 413);
    return 0;
}

static int on_body(http_library *l, const char *at, size_t size)
{
    struct http_message *m = l->data;

    if (size > HTTP_BODY_MAX - m->body_size)
        return refuse(m, 413);
    memcpy(m->body + m->body_size, at, size);
    m->body_size += size;
    return 0;
}

static int on_end(http_library *l)
{
    struct http_message *m = l->data;

    m->complete = true;
    m->keep_alive = library_keep_alive(l);
    return library_stop(l);
}

static const library_settings settings = {
    .on_url = on_target,
    .on_headers_complete = on_headers,
    .on_body = on_body,
    .on_message_complete = on_end,
};

static void begin(struct http_message *m, bool request)
{
    /* Target and body stay as they are: nothing reads beyond their sizes. */
    m->started = m->complete = m->keep_alive = false;
    m->refused = m->status = 0;
    m->plain = m->target_size = m->body_size = 0;
    library_begin(&m->library, request, &settings);
    m->library.data = m;
}

void http_request_begin(struct http_message *m)
{
    begin(m, true);
}

void http_reply_begin(struct http_message *m)
{
    begin(m, false);
}

static enum http_verb verb_of(unsigned method)
{
    return method == HTTP_GET    ? HTTP_VERB_GET
           : method == HTTP_POST ? HTTP_VERB_POST
                                 : HTTP_VERB_OTHER;
}

size_t http_feed(struct http_message *m, const char *data, size_t size)
{
    const size_t body_before = m->body_size;
    bool wrong;
    size_t taken;

    if (m->complete || m->refused)
        return 0;
    m->started = m->started || size > 0;
    taken = library_feed(&m->library, &settings, data, size, &wrong);
    m->plain += taken - (m->body_size - body_before);
    m->target[m->target_size] = '\0';
    if (m->refused)
        return taken;
    if (m->plain > HTTP_HEAD_MAX)
        refuse(m, 431);
    else if (wrong && !m->complete)
        refuse(m, 400);
    if (m->refused)
        m->complete = false;
    m->verb = verb_of(m->library.method);
    m->status = m->library.status_code;
    return taken;
}

/* --- composing ------------------------------------------------------------- */

static const char *words_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 422:
        return "Unprocessable Content";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 503:
        return "Service Unavailable";
    default:
        return "Unknown";
    }
}

static char *append(char *to, const char *text, size_t size)
{
    memcpy(to, text, size);
    return to + size;
}

size_t http_compose(char *to, int status, bool keep_alive, const char *body, size_t body_size)
{
    static const char type[] = "\r\nContent-Type: ", length[] = "\r\nContent-Length: ";
    static const char close[] = "\r\nConnection: close";
    const char *words = words_of(status), *kind = body ? "application/json" : "text/plain";
    char *at = append(to, "HTTP/1.1 ", 9);

    if (!body) {
        body = words;
        body_size = strlen(words);
    }
    at += wire_digits(at, (uint64_t)status);
    *at++ = ' ';
    at = append(at, words, strlen(words));
    at = append(at, type, sizeof type - 1);
    at = append(at, kind, strlen(kind));
    at = append(at, length, sizeof length - 1);
    at += wire_digits(at, body_size);
    if (!keep_alive)
        at = append(at, close, sizeof close - 1);
    at = append(at, "\r\n\r\n", 4);
    at = append(at, body, body_size);
    return (size_t)(at - to);
}
