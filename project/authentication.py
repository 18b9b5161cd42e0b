from rest_framework.authentication import TokenAuthentication


class BearerAuthentication(TokenAuthentication):
    """``Authorization: Bearer <token>``, the token being one of DRF's."""

    keyword = "Bearer"
