using MathNet.Numerics.Distributions;
using MathNet.Numerics.Statistics;

namespace KdPlugins.GoodDaKd.Tests.Maths;

public class StatisticsTests
{
    [Theory]
    [InlineData(0.975, 1, 12.7062047)]
    [InlineData(0.95, 2, 2.9199856)]
    [InlineData(0.975, 9, 2.2621572)]
    [InlineData(0.995, 30, 2.7499957)]
    [InlineData(0.025, 9, -2.2621572)]
    [InlineData(0.5, 7, 0)]
    [InlineData(0.975, 1000, 1.9623391)]
    public void Quantiles_of_t_are_those_of_the_tables(double probability, double freedom, double expected) =>
        Assert.Equal(expected, StudentT.InvCDF(0, 1, freedom, probability), 6);

    [Fact]
    public void One_and_two_degrees_of_freedom_have_closed_forms()
    {
        for (var p = 0.51; p < 0.999; p += 0.03)
        {
            Assert.Equal(Math.Tan(Math.PI * (p - 0.5)), StudentT.InvCDF(0, 1, 1, p), 7);
            Assert.Equal((2 * p - 1) / Math.Sqrt(2 * p * (1 - p)), StudentT.InvCDF(0, 1, 2, p), 8);
        }
    }

    // Columns of section 6: T. stddev and the student's test loss of nine augmentations, and the published coefficients.
    public static TheoryData<string, double[], double[], double[]> Published =>
        new()
        {
            {
                "wrn40-2 to wrn16-2, CIFAR-100",
                [5.47, 5.47, 5.41, 5.25, 5.11, 4.99, 4.72, 4.40, 4.15],
                [1.098, 1.077, 1.084, 1.056, 1.031, 1.049, 1.028, 1.005, 0.975],
                [.958, .967, .889]
            },
            {
                "resnet56 to resnet20, CIFAR-100",
                [5.25, 5.23, 5.12, 4.98, 4.90, 4.72, 4.44, 4.04, 3.79],
                [1.178, 1.167, 1.176, 1.169, 1.148, 1.162, 1.144, 1.127, 1.092],
                [.940, .933, .833]
            },
            {
                "vgg13 to vgg8, CIFAR-100",
                [5.52, 5.52, 5.46, 5.30, 5.18, 5.08, 4.67, 4.30, 4.04],
                [1.186, 1.175, 1.154, 1.128, 1.127, 1.119, 1.086, 1.061, 0.998],
                [.974, 1.00, 1.00]
            },
            {
                "resnet50 to vgg8, CIFAR-100",
                [5.53, 5.53, 5.49, 5.37, 5.25, 5.08, 4.87, 4.66, 4.40],
                [1.242, 1.211, 1.198, 1.193, 1.144, 1.119, 1.116, 1.085, 1.007],
                [.970, .983, .944]
            },
        };

    [Theory]
    [MemberData(nameof(Published))]
    public void Published_columns_give_the_published_coefficients(
        string pair,
        double[] deviations,
        double[] losses,
        double[] expected
    )
    {
        Assert.NotEmpty(pair);
        // The columns are rounded: equal entries were told apart in what the coefficients were computed from.
        Assert.Equal(expected[0], Correlation.Pearson(deviations, losses), 0.012);
        Assert.Equal(expected[1], Correlation.Spearman(deviations, losses), 0.02);
        Assert.Equal(expected[2], Outcome.Kendall(deviations, losses), 0.06);
    }

    [Fact]
    public void Coefficients_of_a_small_case_by_hand()
    {
        double[] x = [1, 2, 3, 4];
        double[] y = [1, 3, 2, 10];
        Assert.Equal(13 / Math.Sqrt(5 * 50), Correlation.Pearson(x, y), 12);
        Assert.Equal(0.8, Correlation.Spearman(x, y), 12);
        Assert.Equal(4.0 / 6, Outcome.Kendall(x, y), 12);
        // One tie: 5 pairs in order of sqrt(5 * 6).
        Assert.Equal(5 / Math.Sqrt(30), Outcome.Kendall([1, 1, 2, 3], [1, 2, 3, 4]), 12);
        Assert.Equal(-1, Correlation.Spearman([1, 2, 3], [3, 2, 1]), 12);
        Assert.True(double.IsNaN(Correlation.Pearson([1, 1], [1, 2])));
    }
}
