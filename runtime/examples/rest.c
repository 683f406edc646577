/* A REST service with a task per request.
 *
 *   GET  /notes       the numbers of all notes, one per line
 *   GET  /notes/3     the text of note 3
 *   POST /notes       the body is a new note; answers with its Location
 *
 * It listens on a free port of 127.0.0.1, which it prints, and runs until its
 * standard input ends. Try it:
 *
 *   curl -d 'buy bread' http://127.0.0.1:PORT/notes
 *   curl http://127.0.0.1:PORT/notes/1
 *
 * Each request is handled by plain code from top to bottom, in a task of its
 * own. Nothing a client does holds up another: every wait has a deadline, and
 * every size has a limit. http_parser, a library, splits the bytes into a URL
 * and a body. */
#include <errno.h>
#include <gt/gt.h>
#include <http_parser.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND       INT64_C(1000000000)
#define PATIENCE     (5 * SECOND) /* with a client, from accept to answer */
#define MAX_REQUEST  16384        /* bytes, with the header */
#define MAX_URL      255
#define MAX_NOTE     1024
#define MAX_NOTES    1000
#define MAX_REQUESTS 256 /* at a time; others wait to be accepted */

/* ---- the notes ------------------------------------------------------- */

/* Shared by all tasks. A gt_mutex makes a task wait, not an OS thread. */
static struct {
    gt_mutex lock;
    int count;
    struct {
        char text[MAX_NOTE + 1];
    } note[MAX_NOTES];
} notes;

/* The new note's number, or -1 when all places are taken. */
static int notes_add(const char *text)
{
    gt_mutex_lock(&notes.lock);
    int number = notes.count < MAX_NOTES ? ++notes.count : -1;
    if (number > 0)
        snprintf(notes.note[number - 1].text, sizeof notes.note[0].text, "%s", text);
    gt_mutex_unlock(&notes.lock);
    return number;
}

static int notes_count(void)
{
    gt_mutex_lock(&notes.lock);
    int count = notes.count;
    gt_mutex_unlock(&notes.lock);
    return count;
}

/* ---- reading a request ----------------------------------------------- */

struct request {
    char url[MAX_URL + 1];
    char body[MAX_NOTE + 1];
    size_t url_size, body_size;
    int complete;
    int refused; /* the HTTP status that says why, or 0 */
};

/* The parser hands out pieces as they arrive; a non-zero result ends it. */
static int append(char *to, size_t *size, size_t limit, const char *at, size_t n)
{
    if (n > limit - *size)
        return -1;
    memcpy(to + *size, at, n);
    *size += n;
    to[*size] = '\0';
    return 0;
}

static int on_url(http_parser *parser, const char *at, size_t n)
{
    struct request *r = parser->data;
    int result = append(r->url, &r->url_size, MAX_URL, at, n);
    r->refused = result ? 414 : 0;
    return result;
}

static int on_body(http_parser *parser, const char *at, size_t n)
{
    struct request *r = parser->data;
    int result = append(r->body, &r->body_size, MAX_NOTE, at, n);
    r->refused = result ? 413 : 0;
    return result;
}

static int on_complete(http_parser *parser)
{
    struct request *r = parser->data;
    r->complete = 1;
    http_parser_pause(parser, 1); /* one request per connection */
    return 0;
}

/* Fill in *r and the parser. Returns 0, the HTTP status of a refusal, or -1 if
 * the client is gone. */
static int read_request(int fd, http_parser *parser, struct request *r, int64_t deadline)
{
    const http_parser_settings settings = {
        .on_url = on_url, .on_body = on_body, .on_message_complete = on_complete};
    char buffer[2048];
    size_t total = 0;

    http_parser_init(parser, HTTP_REQUEST);
    parser->data = r;
    while (!r->complete) {
        int64_t n = gt_read(fd, buffer, sizeof buffer, deadline);
        if (n <= 0)
            return n == -ETIMEDOUT ? 408 : -1;
        http_parser_execute(parser, &settings, buffer, (size_t)n);
        if (r->refused)
            return r->refused;
        if (!r->complete && HTTP_PARSER_ERRNO(parser) != HPE_OK)
            return 400;
        total += (size_t)n;
        if (!r->complete && total > MAX_REQUEST)
            return 431;
    }
    return 0;
}

/* ---- answering ------------------------------------------------------- */

/* An answer in the making; what does not fit is left out. */
struct answer {
    size_t size;
    char text[MAX_NOTES * 5 + MAX_NOTE + 512];
};

static void add(struct answer *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct answer *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(a->text + a->size, sizeof a->text - a->size, format, args);
    va_end(args);
    if (n > 0)
        a->size += (size_t)n < sizeof a->text - a->size ? (size_t)n : sizeof a->text - a->size - 1;
}

static const char *status_text(int status)
{
    switch (status) {
#define XX(number, name, text)                                                                     \
    case number:                                                                                   \
        return #text;
        HTTP_STATUS_MAP(XX)
#undef XX
    default:
        return "Unknown";
    }
}

/* The head; `extra` is a header line with its end, or "". */
static void begin(struct answer *a, int status, const char *extra, size_t body)
{
    a->size = 0;
    add(a,
        "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
        "%sConnection: close\r\n\r\n",
        status, status_text(status), body, extra);
}

static void plain(struct answer *a, int status, const char *extra)
{
    begin(a, status, extra, strlen(status_text(status)) + 1);
    add(a, "%s\n", status_text(status));
}

static void list_notes(struct answer *a)
{
    char list[MAX_NOTES * 5 + 1];
    size_t size = 0;
    for (int i = 1, count = notes_count(); i <= count; i++)
        size += (size_t)snprintf(list + size, sizeof list - size, "%d\n", i);
    begin(a, 200, "", size);
    add(a, "%.*s", (int)size, list);
}

/* Notes never change, so no lock is needed for one that is counted. */
static void get_note(struct answer *a, const char *number)
{
    char *end;
    long n = strtol(number, &end, 10);
    if (*number < '1' || *number > '9' || *end || n > notes_count()) {
        plain(a, 404, "");
        return;
    }
    const char *text = notes.note[n - 1].text;
    begin(a, 200, "", strlen(text));
    add(a, "%s", text);
}

static void post_note(struct answer *a, const struct request *r)
{
    char location[64];
    int number = -1;
    if (r->body_size == 0 || memchr(r->body, '\0', r->body_size)) {
        plain(a, 422, "");
        return;
    }
    number = notes_add(r->body);
    if (number < 0) {
        plain(a, 507, "");
        return;
    }
    snprintf(location, sizeof location, "Location: /notes/%d\r\n", number);
    plain(a, 201, location);
}

static void route(struct answer *a, unsigned method, const struct request *r)
{
    int all = strcmp(r->url, "/notes") == 0, one = strncmp(r->url, "/notes/", 7) == 0;
    if (!all && !one)
        plain(a, 404, "");
    else if (method == HTTP_GET && all)
        list_notes(a);
    else if (method == HTTP_GET)
        get_note(a, r->url + 7);
    else if (method == HTTP_POST && all)
        post_note(a, r);
    else
        plain(a, 405, all ? "Allow: GET, POST\r\n" : "Allow: GET\r\n");
}

/* Closing while bytes of the client are unread would cancel what we wrote, so
 * say that no more comes and let the client finish, within limits. */
static void hang_up(int fd, int64_t deadline)
{
    char rest[2048];
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 64 && gt_read(fd, rest, sizeof rest, deadline) > 0; i++)
        continue;
    gt_close(fd);
}

/* ---- tasks ----------------------------------------------------------- */

static gt_sem free_slots; /* for requests */

/* One request, from accept to close. */
static void handle(void *arg)
{
    int fd = (int)(intptr_t)arg;
    int64_t deadline = gt_now() + PATIENCE;
    struct request r = {.complete = 0};
    struct answer a;
    http_parser parser;

    int status = read_request(fd, &parser, &r, deadline);
    if (status > 0)
        plain(&a, status, "");
    else if (status == 0)
        route(&a, parser.method, &r);
    if (status >= 0)
        gt_write(fd, a.text, a.size, deadline);
    hang_up(fd, deadline);
    gt_sem_post(&free_slots);
}

static void accept_requests(void *arg)
{
    int listener = (int)(intptr_t)arg;
    gt_group requests = {0};
    for (;;) {
        gt_sem_wait(&free_slots);
        int fd = gt_accept(listener, NULL, NULL, GT_NEVER);
        if (fd == -EBADF)
            break; /* the main task has closed it */
        if (fd >= 0 && gt_group_spawn(&requests, handle, (void *)(intptr_t)fd, NULL) == 0)
            continue;
        /* No descriptor, no memory, or the client was too quick to leave. */
        if (fd >= 0)
            gt_close(fd);
        gt_sem_post(&free_slots);
        gt_sleep_until(gt_now() + SECOND / 100);
    }
    gt_group_wait(&requests);
}

static void main_task(void *arg)
{
    int listener = *(int *)arg;
    gt_group service = {0};
    char ignored[64];

    gt_sem_init(&free_slots, MAX_REQUESTS);
    if (gt_group_spawn(&service, accept_requests, (void *)(intptr_t)listener, NULL) != 0)
        fputs("no memory for a task\n", stderr);
    while (gt_read(STDIN_FILENO, ignored, sizeof ignored, GT_NEVER) > 0)
        continue;
    gt_close(listener);
    gt_group_wait(&service);
    printf("%d notes\n", notes_count());
}

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return -1;
    printf("http://127.0.0.1:%d/notes\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(void)
{
    int listener = listen_somewhere();
    if (listener < 0) {
        perror("cannot listen on 127.0.0.1");
        return 1;
    }
    int64_t left = gt_run(NULL, main_task, &listener);
    if (left < 0)
        fprintf(stderr, "cannot start: %s\n", gt_start_error());
    return left == 0 ? 0 : 1;
}
