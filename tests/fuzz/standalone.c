/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzzer's entry on files and folders of files, with any compiler. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned files_run;

static int
run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	long size;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
		perror(path);
		return 1;
	}
	rewind(f);
	data = malloc((size_t)size + 1); /* one more, because malloc(0) may be NULL */
	if (data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size) {
		perror(path);
		return 1;
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	files_run++;
	return 0;
}

static int
run_folder(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *entry;
	int failed = 0;

	if (d == NULL) {
		perror(path);
		return 1;
	}
	while ((entry = readdir(d)) != NULL) {
		char file[1024];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%.500s/%.500s", path, entry->d_name);
		failed |= run_file(file);
	}
	closedir(d);
	return failed;
}

int
main(int argc, char **argv)
{
	int failed = argc < 2;

	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			failed |= run_folder(argv[i]);
		else
			failed |= run_file(argv[i]);
	}
	printf("%s: %u files\n", argv[0], files_run);
	return failed || files_run == 0;
}
