/* See symtab.h. */
#include "symtab.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 128 /* symbols read at a time: 3 KiB */

static bool read_at(int fd, void *to, size_t size, uint64_t at)
{
    return pread(fd, to, size, (off_t)at) == (ssize_t)size;
}

/* The table of all symbols and that of their names. */
static bool find_tables(int fd, Elf64_Shdr *ret_symbols, Elf64_Shdr *ret_names)
{
    Elf64_Ehdr head;
    if (!read_at(fd, &head, sizeof head, 0) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
        head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_shentsize != sizeof *ret_symbols)
        return false;
    for (unsigned i = 0; i < head.e_shnum; i++) {
        if (!read_at(fd, ret_symbols, sizeof *ret_symbols, head.e_shoff + i * sizeof *ret_symbols))
            return false;
        if (ret_symbols->sh_type == SHT_SYMTAB)
            return ret_symbols->sh_entsize == sizeof(Elf64_Sym) &&
                   read_at(fd, ret_names, sizeof *ret_names,
                           head.e_shoff + ret_symbols->sh_link * sizeof *ret_names);
    }
    return false;
}

static bool covers(const Elf64_Sym *s, uintptr_t offset)
{
    return ELF64_ST_TYPE(s->st_info) == STT_FUNC && s->st_shndx != SHN_UNDEF &&
           offset >= s->st_value && (offset < s->st_value + s->st_size || offset == s->st_value);
}

static bool find_symbol(int fd, const Elf64_Shdr *table, uintptr_t offset, Elf64_Sym *ret)
{
    Elf64_Sym chunk[CHUNK];
    uint64_t left = table->sh_size / sizeof chunk[0], at = table->sh_offset;
    while (left > 0) {
        size_t n = left < CHUNK ? (size_t)left : CHUNK;
        if (!read_at(fd, chunk, n * sizeof chunk[0], at))
            return false;
        for (size_t i = 0; i < n; i++)
            if (covers(&chunk[i], offset)) {
                *ret = chunk[i];
                return true;
            }
        left -= n;
        at += n * sizeof chunk[0];
    }
    return false;
}

static bool read_name(int fd, uint64_t at, char *buf, size_t size)
{
    ssize_t got = pread(fd, buf, size - 1, (off_t)at);
    if (got <= 0)
        return false;
    buf[got] = '\0'; /* a longer name is cut off */
    return buf[0] != '\0';
}

bool gti_symtab_find(const char *path, uintptr_t offset, char *buf, size_t size, size_t *ret_into)
{
    Elf64_Shdr symbols, names;
    Elf64_Sym symbol;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool found = find_tables(fd, &symbols, &names) && find_symbol(fd, &symbols, offset, &symbol) &&
                 read_name(fd, names.sh_offset + symbol.st_name, buf, size);
    close(fd);
    if (found)
        *ret_into = offset - symbol.st_value;
    return found;
}
