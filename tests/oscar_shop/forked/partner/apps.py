from oscar.apps.partner import apps


class PartnerConfig(apps.PartnerConfig):
    name = "tests.oscar_shop.forked.partner"
