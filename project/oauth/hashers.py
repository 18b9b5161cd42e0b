from django.contrib.auth.hashers import PBKDF2PasswordHasher


class ClientSecretHasher(PBKDF2PasswordHasher):
    """Hashes the secrets of applications, once round.

    Slow hashes protect what people choose. A secret of 128 random letters cannot be guessed, and
    half a second of work for each token would only help those who want to keep the server busy.
    """

    algorithm = "client_secret"
    iterations = 1
