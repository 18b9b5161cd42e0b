from django.urls import path

from project.oauth.views import RevokeView, TokenView

urlpatterns = [
    path("token", TokenView.as_view()),
    path("revoke", RevokeView.as_view()),
]
