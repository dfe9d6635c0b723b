/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: wiped when freed, compared in constant time, never printed. */
#include "proto/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/xalloc.h"

#define SECRET_FILE_MAX 4096

struct secret {
	size_t len;
	char bytes[]; /* len bytes and a NUL */
};

void
secret_wipe(void *p, size_t len)
{
	OPENSSL_cleanse(p, len);
}

struct secret *
secret_new(const void *bytes, size_t len)
{
	struct secret *s = xcalloc(1, sizeof(*s) + len + 1);

	(void)mlock(s, sizeof(*s) + len + 1); /* best effort: the limit may be 0 */
	s->len = len;
	if (len > 0)
		memcpy(s->bytes, bytes, len);
	return s;
}

struct secret *
secret_copy(const struct secret *s)
{
	return s == NULL ? NULL : secret_new(s->bytes, s->len);
}

struct secret *
secret_random(size_t len)
{
	struct secret *s = xcalloc(1, sizeof(*s) + len + 1);

	s->len = len;
	for (size_t got = 0; got < len;) {
		ssize_t n = getrandom(s->bytes + got, len - got, 0);

		if (n < 0 && errno != EINTR)
			BUG("getrandom: %s", strerror(errno));
		got += n > 0 ? (size_t)n : 0;
	}
	return s;
}

void
secret_free(struct secret **s)
{
	if (*s == NULL)
		return;
	secret_wipe((*s)->bytes, (*s)->len);
	munlock(*s, sizeof(**s) + (*s)->len + 1);
	free(*s);
	*s = NULL;
}

static bool
secret_read(const char *path, bool private, struct secret **out, struct err *e)
{
	char bytes[SECRET_FILE_MAX + 2];
	struct stat st;
	ssize_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*out = NULL;
	if (fd < 0)
		return err_errno(e, ERR_REFUSED, errno, "%s", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(e, ERR_REFUSED, "%s: is not a regular file", path);
	}
	if (private && (st.st_mode & 07) != 0) {
		close(fd);
		return err_set(e, ERR_REFUSED, "%s: others may read it; run: chmod o= %s",
		    path, path);
	}
	len = read(fd, bytes, sizeof(bytes));
	close(fd);
	if (len < 0)
		return err_errno(e, ERR_REFUSED, errno, "%s", path);
	if (len > 0 && bytes[len - 1] == '\n')
		len--;
	if (len > SECRET_FILE_MAX)
		err_set(
		    e, ERR_REFUSED, "%s: is larger than %d bytes", path, SECRET_FILE_MAX);
	else if (len == 0)
		err_set(e, ERR_REFUSED, "%s: is empty", path);
	else if (memchr(bytes, '\0', (size_t)len) !=
		 NULL) /* libraries would take the front part */
		err_set(
		    e, ERR_REFUSED, "%s: holds a NUL byte; is it the right file?", path);
	else
		*out = secret_new(bytes, (size_t)len);
	secret_wipe(bytes, sizeof(bytes));
	return *out != NULL;
}

bool
secret_load(const char *path, struct secret **out, struct err *e)
{
	return secret_read(path, true, out, e);
}

bool
secret_load_mounted(const char *path, struct secret **out, struct err *e)
{
	return secret_read(path, false, out, e);
}

bool
secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && CRYPTO_memcmp(a->bytes, b->bytes, a->len) == 0;
}

size_t
secret_len(const struct secret *s)
{
	return s->len;
}

const char *
secret_reveal(const struct secret *s)
{
	return s->bytes;
}

void
secret_hmac(
    const struct secret *s, const void *data, size_t len, uint8_t out[SECRET_HMAC_BYTES])
{
	unsigned int got = 0;

	if (HMAC(EVP_sha256(), s->bytes, (int)s->len, data, len, out, &got) == NULL ||
	    got != SECRET_HMAC_BYTES)
		BUG("HMAC-SHA256 cannot be computed");
}
