/* SPDX-License-Identifier: Apache-2.0 */
/* Only segments that no one may write: relocated ones hold what is in no file. */
#include "agent/idle.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int
idle_on_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
	const uintptr_t page = *(const uintptr_t *)ctx;

	(void)size;
	if (strncmp(info->dlpi_name, "linux-vdso", 10) == 0)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t from = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t to = (info->dlpi_addr + segment->p_vaddr + segment->p_filesz) &
			       ~(page - 1);

		if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) == 0 &&
		    from < to)
			madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void
idle_trim(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	malloc_trim(0);
	dl_iterate_phdr(idle_on_object, &page);
}
