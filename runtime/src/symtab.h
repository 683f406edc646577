/* Names of functions that are not exported, from the symbol table that a
 * program's file has unless it was stripped. No heap. */
#ifndef GTI_SYMTAB_H
#define GTI_SYMTAB_H

#include "base.h"

/* The function at `offset`, as the file counts addresses, in the ELF file
 * `path`: its name in buf[size], and how far into it `offset` is. False: there
 * is none, or no table. */
bool gti_symtab_find(const char *path, uintptr_t offset, char *buf, size_t size, size_t *ret_into);

#endif
