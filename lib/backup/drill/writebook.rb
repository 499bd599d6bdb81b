# Looks into a restored Writebook, in the application itself: counts what there is, opens one of each kind and asks the full-text index.
require "json"

count = ->(what, number, many = "#{what}s") { "#{number} #{number == 1 ? what : many}" }
database = ActiveRecord::Base.connection
leaves = Leaf.where(status: "active")
faults = []

# checked against the sum that the database keeps
open_file = lambda do |blob, what|
  blob.open(&:size)
rescue StandardError => error
  faults << "#{what} #{blob.filename} cannot be opened: #{error.class}"
end

opened = %w[Page Section Picture].filter_map do |kind|
  leaf = leaves.where(leafable_type: kind).order(:id).last or next
  # a page is rendered for this; a section is its text
  leaf.leafable.searchable_content
  blob = leaf.leafable.image.blob if kind == "Picture"
  open_file.call(blob, "the picture") if blob
  kind.downcase
rescue StandardError => error
  faults << "#{kind.downcase} #{leaf.id} cannot be opened: #{error.class}: #{error.message[0, 200]}"
  nil
end

uploads = ActiveStorage::Attachment.where(record_type: "ActionText::Markdown").order(:id)
newest = uploads.last
open_file.call(newest.blob, "the upload") if newest
gone = ActiveStorage::Blob.find_each.reject { |blob| blob.service.exist?(blob.key) }
faults << "#{count.("file", gone.size)} missing: #{gone.first(5).map { |blob| blob.filename.to_s }.join(", ")}" if gone.any?

pages = leaves.where(leafable_type: "Page")
unknown = pages.where("NOT EXISTS (SELECT 1 FROM leaf_search_index WHERE leaf_search_index.rowid = leaves.id)").count
page = pages.order(:id).detect { |leaf| leaf.title.match?(/\A\w{4,}\z/) }
if page && unknown.zero?
  ask = ["SELECT count(*) FROM leaf_search_index WHERE leaf_search_index MATCH ? AND rowid = ?", %("#{page.title}"), page.id]
  found = database.select_value(ActiveRecord::Base.sanitize_sql(ask))
  faults << "the search for #{page.title.inspect} does not find page #{page.id}" if found.to_i.zero?
end

says = [count.("book", Book.count), count.("leaf", leaves.count, "leaves"), count.("upload", uploads.count)].join(", ")
says += "; opened: #{opened.join(", ")}" if opened.any?
says += "; #{count.("page", unknown)} not in the index for searching" if unknown.positive?
$stdout.write("\nbookops-content #{JSON.generate(faults.empty? ? says : faults.join("; "))}\n")
exit(faults.empty? ? 0 : 1)
