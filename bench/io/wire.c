/* Messages and sums; see wire.h. */
#include "wire.h"

#include <string.h>

uint64_t wire_sum(uint64_t count)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++)
        sum += wire_mix(i);
    return sum;
}

uint64_t wire_posted(uint64_t count)
{
    uint64_t sum = 0;

    for (uint64_t i = WIRE_POST_EVERY - 1; i < count; i += WIRE_POST_EVERY)
        sum += wire_amount(i);
    return sum;
}

void wire_echo(uint64_t i, char ret_message[WIRE_ECHO_BYTES])
{
    for (size_t at = 0; at < WIRE_ECHO_BYTES; at += sizeof i) {
        const uint64_t word = wire_mix(i + at);

        memcpy(ret_message + at, &word, sizeof word);
    }
}

size_t wire_digits(char *to, uint64_t value)
{
    char digits[20];
    size_t count = 0;

    do
        digits[count++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    for (size_t i = 0; i < count; i++)
        to[i] = digits[count - 1 - i];
    return count;
}

uint64_t wire_number(const char *text, size_t size, char end)
{
    uint64_t value = 0;
    size_t i = 0;

    for (; i < size && i < 19 && text[i] >= '0' && text[i] <= '9'; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    return i == 0 || (i < size && text[i] != end) ? UINT64_MAX : value;
}
