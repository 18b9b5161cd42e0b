from tests.oscar_shop.conftest import ann, teapot  # noqa: F401
