from django.contrib.auth.hashers import PBKDF2PasswordHasher


class ClientSecretHasher(PBKDF2PasswordHasher):
    """Hashes the secrets of applications with a single iteration.

    Slow hashes protect weak passwords. A secret of 128 random letters cannot be guessed, and half
    a second of CPU time per token request would make denial of service easier.
    """

    algorithm = "client_secret"
    iterations = 1
