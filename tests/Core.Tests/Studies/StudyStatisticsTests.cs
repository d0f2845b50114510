using Xunit;

namespace KdPlugins.Core.Tests.Studies;

/// <summary>Means, deviations and intervals, by hand and by the density of Student's t.</summary>
public sealed class StudyStatisticsTests
{
    // Two-sided 95 %: the density integrated numerically (Gauss-Legendre), and bisected; to ten digits.
    [Theory]
    [InlineData(1, 12.7062047364)]
    [InlineData(2, 4.3026527297)]
    [InlineData(3, 3.1824463053)]
    [InlineData(4, 2.7764451052)]
    [InlineData(5, 2.5705818356)]
    [InlineData(6, 2.4469118511)]
    [InlineData(7, 2.3646242516)]
    [InlineData(8, 2.3060041352)]
    [InlineData(9, 2.2621571628)]
    [InlineData(10, 2.2281388520)]
    [InlineData(15, 2.1314495456)]
    [InlineData(19, 2.0930240544)]
    [InlineData(30, 2.0422724563)]
    [InlineData(60, 2.0002978220)]
    [InlineData(120, 1.9799304051)]
    public void Quantiles_are_those_of_the_integrated_density(int freedom, double expected) =>
        Assert.Equal(expected, StudyStatistics.Quantile(freedom), 1e-9);

    [Fact]
    public void With_many_degrees_of_freedom_it_is_the_normal_distributions() =>
        // z + (z^3 + z) / (4 n), with an error of the order of 1 / n^2.
        Assert.Equal(
            1.959963984540054 + (Math.Pow(1.959963984540054, 3) + 1.959963984540054) / (4 * 999),
            StudyStatistics.Quantile(999),
            1e-5
        );

    [Fact]
    public void Without_freedom_there_is_no_quantile() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => StudyStatistics.Quantile(0));

    [Fact]
    public void A_summary_is_what_a_calculator_gives()
    {
        // Differences 0.2, 2.1 and 2.4: mean 4.7 / 3, squares 1.8678, 0.2844, 0.6944, deviation sqrt(2.8467 / 2).
        var summary = StudyStatistics.Summarise([0.2, 2.1, 2.4]);
        Assert.Equal(3, summary.Count);
        Assert.Equal(1.5666666667, summary.Mean, 1e-9);
        Assert.Equal(1.1930353446, summary.Deviation!.Value, 1e-9);
        // 4.3026527297 x 1.1930353446 / sqrt(3) = 2.9636641.
        Assert.Equal(1.5666666667 - 2.9636641, summary.Low!.Value, 1e-6);
        Assert.Equal(1.5666666667 + 2.9636641, summary.High!.Value, 1e-6);
        Assert.Equal(StudyVerdict.Undecided, StudyStatistics.Judge(summary));
    }

    [Theory]
    [InlineData(StudyVerdict.Holds, 1.0, 1.1, 0.9)]
    [InlineData(StudyVerdict.Not, -1.0, -1.1, -0.9)]
    [InlineData(StudyVerdict.Undecided, 1.0, -1.0, 0.5)]
    [InlineData(StudyVerdict.Undecided, -1.0, 1.0, -0.5)]
    [InlineData(StudyVerdict.Holds, 0.5, 0.5)]
    [InlineData(StudyVerdict.Undecided, 0.0, 0.0)]
    [InlineData(StudyVerdict.Undecided, 5.0)]
    public void A_claim_holds_where_the_interval_is_above_zero(StudyVerdict expected, params double[] differences) =>
        Assert.Equal(expected, StudyStatistics.Judge(StudyStatistics.Summarise(differences)));

    [Fact]
    public void One_number_has_no_interval_and_none_has_no_mean()
    {
        var one = StudyStatistics.Summarise([3]);
        Assert.Equal((1, 3.0, null, null, null), (one.Count, one.Mean, one.Deviation, one.Low, one.High));
        Assert.True(double.IsNaN(StudyStatistics.Summarise([]).Mean));
    }
}
