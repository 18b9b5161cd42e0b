from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("order_copies", "0008_order_copy_changes")]

    operations = [
        migrations.AddIndex(
            model_name="ordersubscription",
            index=models.Index(fields=["attention"], name="order_subscription_attention"),
        )
    ]
