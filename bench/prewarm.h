/* Memory that the machine really has.
 *
 * A cold cell measures what a backend's first storm costs on memory that is
 * new to the process. Where the system is a virtual machine, free memory may
 * be new to the host as well: its first touch then waits for the host, at
 * tens of times the price, and a backend would be charged by which process
 * used the same pages last. So before a cold cell each process touches and
 * gives back as much memory as the cell may need, whatever its backend.
 */
#ifndef GREENBENCH_PREWARM_H
#define GREENBENCH_PREWARM_H

#include <stdint.h>

#include "workload.h"

/* What to touch before a cell with these parameters: 0 unless it is cold, and
 * at most `budget`. */
uint64_t prewarm_bytes(const struct params *p, uint64_t budget);

/* Touches so many bytes and gives them back. The peak of the process's
 * resident size starts anew. */
void prewarm(uint64_t bytes);

#endif
