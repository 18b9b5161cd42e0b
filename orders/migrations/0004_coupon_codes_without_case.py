import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_money_in_64_bits"),
    ]

    operations = [
        migrations.AddField(
            model_name="coupon",
            name="code_key",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.text.Lower("code"),
                output_field=models.CharField(max_length=40),
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.UniqueConstraint(
                fields=("code_key",),
                name="coupon_code_once",
                violation_error_message="A coupon with this code already exists.",
            ),
        ),
    ]
