"""The routes of the shop's resources."""

from order_copies.jsonapi.routers import Router
from orders.api import subscription_views, views

router = Router()
router.register("orders", views.OrderViewSet)
router.register("line_items", views.LineItemViewSet)
router.register("line_item_options", views.LineItemOptionViewSet)
router.register("addresses", views.AddressViewSet)
router.register("customers", views.CustomerViewSet)
router.register("customer_payment_sources", views.CustomerPaymentSourceViewSet)
router.register("payment_methods", views.PaymentMethodViewSet)
router.register("markets", views.MarketViewSet)
router.register("skus", views.SkuViewSet)
router.register("promotions", views.PromotionViewSet)
router.register("coupons", views.CouponViewSet)
router.register("order_subscriptions", subscription_views.OrderSubscriptionViewSet)
router.register("order_subscription_items", subscription_views.OrderSubscriptionItemViewSet)
router.register("subscription_models", subscription_views.SubscriptionModelViewSet)

urlpatterns = router.urls
